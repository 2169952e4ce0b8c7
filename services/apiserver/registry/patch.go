package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/apierror"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
	"kaji.dev/kaji/manifest/strategic"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// patcher turns the JSON of an object into the JSON of what it shall be.
type patcher func(current []byte) ([]byte, error)

// patch changes a part of an object. A patch that says resourceVersion is refused when the object has another;
// one that does not is applied anew when the object changed meanwhile.
func (r *resource) patch(ctx context.Context, req *metav1.PatchRequest) (res *result, err error) {
	start, dry := time.Now(), false
	defer func() {
		r.record(ctx, start, "patch", req.GetSubresource(), req.GetNamespace(), req.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_PATCH, Subresource: req.GetSubresource(), Namespace: req.GetNamespace(), Name: req.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(req.GetOptions()); err != nil {
		return nil, err
	}
	if err := checkManager(req.GetOptions().GetFieldManager(), false); err != nil {
		return nil, err
	}
	if req.GetSubresource() == statusSubresource && r.status == nil {
		return nil, apierror.BadRequest(r.kind.String() + " have no status to patch")
	}
	apply, err := r.patcherFor(req)
	if err != nil {
		return nil, err
	}
	validation, err := fieldValidation(req.GetOptions(), validationWarn)
	if err != nil {
		return nil, err
	}
	var patched kind.Object
	var odd []string
	decide := func(current *watchcache.Entry) (outcome, error) {
		seen, err := r.view(current.Object)
		if err != nil {
			return outcome{}, err
		}
		before, err := manifest.ToJSON(seen)
		if err != nil {
			return outcome{}, apierror.Internal(err)
		}
		after, err := apply(before)
		if err != nil {
			return outcome{}, err
		}
		if patched, odd, err = r.fromJSON(after, validation); err != nil {
			return outcome{}, r.undecodable(req, err)
		}
		if m := kind.Metadata(patched); m.Name != req.GetName() || m.Namespace != req.GetNamespace() {
			return outcome{}, apierror.BadRequest("a patch cannot change the name or namespace of an object")
		}
		next, err := r.taken(patched)
		if err != nil {
			return outcome{}, err
		}
		out, err := r.hub.replace(ctx, next, current, req.GetSubresource(), dry)
		if err != nil {
			return outcome{}, err
		}
		return r.hub.tracked(r.as(ctx), out, current.Object, req.GetOptions().GetFieldManager(), req.GetSubresource())
	}
	switch req.GetSubresource() {
	case "", statusSubresource:
	case scaleSubresource:
		decide = r.hub.scalePatch(ctx, apply, req.GetOptions().GetFieldManager(), dry)
	default:
		if _, ok := r.strategy.Subresources[req.GetSubresource()]; ok {
			break
		}
		return nil, apierror.BadRequest(fmt.Sprintf("%s have no sub-resource %q that can be patched", r.kind, req.GetSubresource()))
	}
	res, err = r.hub.rewrite(ctx, req.GetNamespace(), req.GetName(), dry, decide)
	if err == nil {
		tell(ctx, odd)
		if req.GetSubresource() == "" {
			r.warn(ctx, patched)
		}
	}
	return r.shown(res, err)
}

func (r *resource) patcherFor(req *metav1.PatchRequest) (patcher, error) {
	switch req.GetType() {
	case metav1.PatchType_PATCH_TYPE_UNSPECIFIED, metav1.PatchType_PATCH_TYPE_MERGE:
		return mergePatch(req.GetPatch())
	case metav1.PatchType_PATCH_TYPE_JSON:
		return jsonPatch(req.GetPatch())
	case metav1.PatchType_PATCH_TYPE_STRATEGIC:
		message := r.kind.New().ProtoReflect().Descriptor()
		if req.GetSubresource() == scaleSubresource {
			message = (&autoscalingv1.Scale{}).ProtoReflect().Descriptor()
		}
		return strategicPatch(message, req.GetPatch())
	}
	return nil, apierror.BadRequest(fmt.Sprintf("there is no patch type %d", req.GetType()))
}

// undecodable says what is wrong with the object that a patch makes.
func (r *resource) undecodable(req interface {
	GetNamespace() string
	GetName() string
}, err error) error {
	var fields manifest.Errors
	if !errors.As(err, &fields) {
		return apierror.BadRequest("the patched object cannot be read: " + err.Error()).WithCause(err)
	}
	violations := make([]apierror.FieldViolation, len(fields))
	for i, f := range fields {
		violations[i] = apierror.FieldViolation{Field: f.Path, Description: f.Message, Reason: "FieldValueInvalid"}
	}
	return apierror.Invalid(r.kind.String(), req.GetNamespace(), req.GetName(), violations)
}

// mergePatch is RFC 7386.
func mergePatch(patch []byte) (patcher, error) {
	change, err := parseObject(patch)
	if err != nil {
		return nil, badPatch(err)
	}
	return func(current []byte) ([]byte, error) {
		target, err := parseObject(current)
		if err != nil {
			return nil, apierror.Internal(err)
		}
		return json.Marshal(merge.Apply(target, change))
	}, nil
}

// strategicPatch is Kubernetes' strategic merge patch of a message.
func strategicPatch(message protoreflect.MessageDescriptor, patch []byte) (patcher, error) {
	change, err := parseObject(patch)
	if err != nil {
		return nil, badPatch(err)
	}
	return func(current []byte) ([]byte, error) {
		target, err := parseObject(current)
		if err != nil {
			return nil, apierror.Internal(err)
		}
		after, err := strategic.Apply(message, target, change)
		if err != nil {
			return nil, badPatch(err)
		}
		return json.Marshal(after)
	}, nil
}

// parseObject reads a JSON object. Numbers stay as they are written.
func parseObject(b []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is more after the end of the JSON value")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it must be a JSON object")
	}
	return o, nil
}

func badPatch(err error) error {
	return apierror.BadRequest("the patch is no good: "+err.Error(), apierror.FieldViolation{Field: "patch", Description: err.Error()})
}
