package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// maxManager bounds the name of a field manager, as Kubernetes does.
const maxManager = 128

// apply merges the fields that a manager declares into an object, or creates the object with them.
func (r *resource) apply(ctx context.Context, req *metav1.ApplyRequest) (res *result, err error) {
	start, dry := time.Now(), false
	defer func() {
		r.record(ctx, start, "apply", "", req.GetNamespace(), req.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_APPLY, Namespace: req.GetNamespace(), Name: req.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(req.GetOptions()); err != nil {
		return nil, err
	}
	if err := checkManager(req.GetOptions().GetFieldManager(), true); err != nil {
		return nil, err
	}
	digest, err := applyDigest(caller(ctx).String(), req)
	if err != nil {
		return nil, err
	}
	if current, err := r.reapplied(ctx, req, digest); err != nil {
		return nil, err
	} else if current != nil {
		return r.shown(resultOf(current), nil)
	}
	declared, err := r.declared(req)
	if err != nil {
		return nil, err
	}
	for range maxRounds {
		res, err = r.applyOver(ctx, req, declared, digest, dry)
		if !r.isMissing(err, req) {
			return r.shown(res, err)
		}
		if m := declared.Object.GetMetadata(); m.GetUid() != "" || m.GetResourceVersion() != "" {
			return nil, err // a certain object was meant
		}
		res, err = r.applyNew(ctx, req, declared)
		if !apierror.IsAlreadyExists(err) {
			return r.shown(res, err)
		}
	}
	return r.shown(res, err)
}

// isMissing says whether an error is that the very object is not there.
func (r *resource) isMissing(err error, req *metav1.ApplyRequest) bool {
	var e *apierror.Error
	return errors.As(err, &e) && e.Reason == apierror.ReasonNotFound && e.Kind == r.kind.String() && e.Name == req.GetName()
}

// applyOver merges what is declared into the object that is there.
func (r *resource) applyOver(ctx context.Context, req *metav1.ApplyRequest, declared *manifest.Document, digest [sha256.Size]byte, dry bool) (*result, error) {
	var merged kind.Object
	var was int64
	rests := false // on other objects
	res, err := r.hub.rewrite(ctx, req.GetNamespace(), req.GetName(), dry, func(current *watchcache.Entry) (outcome, error) {
		seen, err := r.view(current.Object)
		if err != nil {
			return outcome{}, err
		}
		o, entries, err := r.merged(seen, declared, req)
		if err != nil {
			return outcome{}, err
		}
		if o, err = r.taken(o); err != nil {
			return outcome{}, err
		}
		want := declared.Object.GetMetadata()
		m := kind.Metadata(o)
		m.Uid, m.ResourceVersion = want.GetUid(), want.GetResourceVersion()
		out, err := r.hub.replace(ctx, o, current, "", dry)
		if err != nil {
			return outcome{}, err
		}
		kind.Metadata(out.object).ManagedFields = entries
		merged, was, rests = out.object, current.Revision, len(out.guards) > 0
		return out, nil
	})
	if err != nil || merged == nil {
		return res, err
	}
	told := r.hub.strategy.Warnings(merged)
	tell(ctx, told)
	if res.revision == was && !rests {
		r.reapplies.put(digest, reapply{revision: was, warnings: told})
	}
	return res, nil
}

// applyNew creates the object out of what is declared.
func (r *resource) applyNew(ctx context.Context, req *metav1.ApplyRequest, declared *manifest.Document) (*result, error) {
	o, entries, err := r.merged(r.kind.New(), declared, req)
	if err != nil {
		return nil, err
	}
	if o, err = r.taken(o); err != nil {
		return nil, err
	}
	m := kind.Metadata(o)
	m.Namespace, m.Name, m.ManagedFields = req.GetNamespace(), req.GetName(), entries
	return r.hub.create(ctx, o, &metav1.CreateOptions{DryRun: req.GetOptions().GetDryRun()})
}

func (r *resource) merged(live kind.Object, declared *manifest.Document, req *metav1.ApplyRequest) (kind.Object, []*metav1.ManagedFieldsEntry, error) {
	o, entries, err := r.managed(r.kind).Apply(
		live, declared.JSON, req.GetOptions().GetFieldManager(), req.GetOptions().GetForce(), timestamp(r.cfg.Now()))
	var conflicts managed.Conflicts
	switch {
	case errors.As(err, &conflicts):
		e := apierror.Conflict(r.kind.String(), req.GetNamespace(), req.GetName(), conflicts.Error()+"; force takes over")
		for _, c := range conflicts {
			e.Violations = append(e.Violations, apierror.FieldViolation{
				Field: c.Path, Reason: "FieldManagerConflict",
				Description: fmt.Sprintf("conflict with %q, which set it by %s", c.Manager.Name, c.Manager.Operation),
			})
		}
		return nil, nil, e
	case err != nil:
		return nil, nil, badPatch(err)
	}
	return o, entries, nil
}

// declared reads the patch of an apply: one object of the kind, with nothing unknown in it.
func (r *resource) declared(req *metav1.ApplyRequest) (*manifest.Document, error) {
	if len(req.GetPatch()) > maxObjectBytes {
		return nil, apierror.TooLarge(fmt.Sprintf("the patch has %d bytes; at most %d are read", len(req.GetPatch()), maxObjectBytes))
	}
	docs, err := manifest.Decode(bytes.NewReader(req.GetPatch()), "patch", manifest.Options{Strict: true})
	if err != nil {
		return nil, r.undecodable(req, err)
	}
	if len(docs) != 1 || docs[0].Kind != r.kind {
		return nil, badPatch(fmt.Errorf("it must hold one object: a %s of %s", r.kind.Name(), r.kind.APIVersion()))
	}
	m := docs[0].Object.GetMetadata()
	switch {
	case m.GetName() != "" && m.GetName() != req.GetName():
		return nil, badPatch(fmt.Errorf("its name is %q, the request's is %q", m.GetName(), req.GetName()))
	case m.GetNamespace() != "" && m.GetNamespace() != req.GetNamespace():
		return nil, badPatch(fmt.Errorf("its namespace is %q, the request's is %q", m.GetNamespace(), req.GetNamespace()))
	case len(m.GetManagedFields()) > 0:
		return nil, badPatch(errors.New("metadata.managedFields cannot be applied: the server keeps it"))
	}
	if _, err := parseVersion(m.GetResourceVersion()); err != nil {
		return nil, err
	}
	return docs[0], nil
}

// checkManager checks the name of a field manager.
func checkManager(name string, required bool) error {
	bad := func(reason, why string) error {
		return apierror.BadRequest("fieldManager "+why, apierror.FieldViolation{Field: "options.fieldManager", Description: why, Reason: reason})
	}
	switch {
	case name == "" && required:
		return bad("FieldValueRequired", "must say who applies")
	case len(name) > maxManager:
		return bad("FieldValueTooLong", fmt.Sprintf("must have at most %d bytes", maxManager))
	}
	for _, c := range name {
		if c < ' ' || c == 0x7f {
			return bad("FieldValueInvalid", "must be printable")
		}
	}
	return nil
}

// tracked keeps the record of who set which fields over a write: when a manager gives its name, and for objects that have
// a record. The caller's own name stands for a manager that gives none. The status has no record, since nobody applies it.
func (r *resource) tracked(ctx context.Context, out outcome, old kind.Object, manager, subresource string) (outcome, error) {
	if out.object == nil || out.remove || subresource == statusSubresource || (manager == "" && len(old.GetMetadata().GetManagedFields()) == 0) {
		return out, nil
	}
	if manager == "" {
		manager = caller(ctx).Name
	}
	// The record names fields as the version has them that the writer used.
	by := r.version(ctx)
	before, err := by.view(old)
	if err != nil {
		return out, err
	}
	after, err := by.view(out.object)
	if err != nil {
		return out, err
	}
	entries, err := by.managed(by.kind).Update(before, after, manager, subresource, timestamp(r.cfg.Now()))
	if err != nil {
		return out, apierror.Internal(err)
	}
	kind.Metadata(out.object).ManagedFields = entries
	return out, nil
}
