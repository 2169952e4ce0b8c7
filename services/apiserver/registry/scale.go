package registry

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/apierror"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

const scaleSubresource = "scale"

// scaleOf reads the scale out of an object: spec.replicas, status.replicas and spec.selector of every kind that has one.
func (r *resource) scaleOf(o kind.Object) (*autoscalingv1.Scale, error) {
	m := o.GetMetadata()
	s := &autoscalingv1.Scale{
		Metadata: &metav1.ObjectMeta{
			Name: m.GetName(), Namespace: m.GetNamespace(), Uid: m.GetUid(), ResourceVersion: m.GetResourceVersion(),
			CreationTimestamp: m.GetCreationTimestamp(),
		},
		Spec:   &autoscalingv1.ScaleSpec{Replicas: replicas(part(o, "spec"))},
		Status: &autoscalingv1.ScaleStatus{Replicas: replicas(part(o, "status"))},
	}
	spec := part(o, "spec")
	fd := spec.Descriptor().Fields().ByName("selector")
	if fd == nil || !spec.Has(fd) {
		return s, nil
	}
	if fd.IsMap() {
		// ReplicationControllers have plain labels.
		s.Status.Selector = labels.SelectorFromSet(stringMap(spec.Get(fd).Map())).String()
		return s, nil
	}
	if ls, ok := spec.Get(fd).Message().Interface().(*metav1.LabelSelector); ok {
		parsed, err := selector.FromMessage(ls)
		if err != nil {
			return nil, apierror.Internal(err)
		}
		s.Status.Selector = parsed.String()
	}
	return s, nil
}

func stringMap(m protoreflect.Map) map[string]string {
	out := make(map[string]string, m.Len())
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		out[k.String()] = v.String()
		return true
	})
	return out
}

func part(o kind.Object, name protoreflect.Name) protoreflect.Message {
	m := o.ProtoReflect()
	return m.Get(m.Descriptor().Fields().ByName(name)).Message()
}

func replicas(m protoreflect.Message) int32 {
	return int32(m.Get(m.Descriptor().Fields().ByName("replicas")).Int())
}

// scaled is the object with another number of replicas wanted.
func (r *resource) scaled(old kind.Object, s *autoscalingv1.Scale) (kind.Object, error) {
	m := s.GetMetadata()
	if n := s.GetSpec().GetReplicas(); n < 0 {
		return nil, apierror.Invalid(r.kind.String()+"/scale", m.GetNamespace(), m.GetName(), []apierror.FieldViolation{{
			Field: "spec.replicas", Description: fmt.Sprintf("Invalid value: %d: must be greater than or equal to 0", n), Reason: "FieldValueInvalid",
		}})
	}
	o := clone(old)
	meta := kind.Metadata(o)
	meta.Uid, meta.ResourceVersion = m.GetUid(), m.GetResourceVersion()
	p := o.ProtoReflect()
	spec := p.Mutable(p.Descriptor().Fields().ByName("spec")).Message()
	spec.Set(spec.Descriptor().Fields().ByName("replicas"), protoreflect.ValueOfInt32(s.GetSpec().GetReplicas()))
	return o, nil
}

func (r *resource) getScale(ctx context.Context, req *metav1.GetRequest) (*autoscalingv1.Scale, error) {
	r = r.hub
	res, err := r.get(ctx, req, scaleSubresource)
	if err != nil {
		return nil, err
	}
	return r.scaleOf(res.object)
}

func (r *resource) updateScale(ctx context.Context, s *autoscalingv1.Scale, opts *metav1.UpdateOptions) (out *autoscalingv1.Scale, err error) {
	r = r.hub
	start, dry := time.Now(), false
	m := s.GetMetadata()
	var res *result
	defer func() {
		r.record(ctx, start, "update", scaleSubresource, m.GetNamespace(), m.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_UPDATE, Subresource: scaleSubresource, Namespace: m.GetNamespace(), Name: m.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(opts); err != nil {
		return nil, err
	}
	if err := checkManager(opts.GetFieldManager(), false); err != nil {
		return nil, err
	}
	res, err = r.rewrite(ctx, m.GetNamespace(), m.GetName(), dry, func(current *watchcache.Entry) (outcome, error) {
		o, err := r.scaled(current.Object, s)
		if err != nil {
			return outcome{}, err
		}
		return r.rescaled(ctx, o, current, opts.GetFieldManager(), dry)
	})
	if err != nil {
		return nil, err
	}
	return r.scaleOf(res.object)
}

// scalePatch applies a patch to the scale of an object.
func (r *resource) scalePatch(ctx context.Context, apply patcher, manager string, dry bool) func(*watchcache.Entry) (outcome, error) {
	return func(current *watchcache.Entry) (outcome, error) {
		if !r.kind.Options.GetHasScale() {
			return outcome{}, apierror.BadRequest(r.kind.String() + " have no scale to patch")
		}
		before, err := r.scaleOf(current.Object)
		if err != nil {
			return outcome{}, err
		}
		json, err := apply(manifest.MarshalMessage(before))
		if err != nil {
			return outcome{}, err
		}
		after := &autoscalingv1.Scale{}
		if err := manifest.UnmarshalMessage(json, after, false); err != nil {
			return outcome{}, apierror.BadRequest("the patched scale cannot be read: " + err.Error()).WithCause(err)
		}
		if proto.Equal(before, after) {
			return outcome{}, nil
		}
		o, err := r.scaled(current.Object, after)
		if err != nil {
			return outcome{}, err
		}
		return r.rescaled(ctx, o, current, manager, dry)
	}
}

// rescaled is the outcome of writing an object with another scale.
func (r *resource) rescaled(ctx context.Context, o kind.Object, current *watchcache.Entry, manager string, dry bool) (outcome, error) {
	out, err := r.replace(ctx, o, current, "", dry)
	if err != nil {
		return outcome{}, err
	}
	return r.tracked(ctx, out, current.Object, manager, scaleSubresource)
}
