package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// Finalizers by which the garbage collector learns what to do with dependents before an object may go.
const (
	finalizerForeground = "foregroundDeletion"
	finalizerOrphan     = "orphan"
)

// delete removes an object, or marks it for removal when something has to be done first.
func (r *resource) delete(ctx context.Context, req *metav1.DeleteRequest) (*metav1.Status, error) {
	res, err := r.remove(ctx, req)
	if err != nil {
		return nil, err
	}
	return r.deleted(req.GetName(), res), nil
}

// deleted is the answer for an object that is gone, or going.
func (r *resource) deleted(name string, res *result) *metav1.Status {
	return &metav1.Status{
		Status: "Success",
		Details: &metav1.StatusDetails{
			Name: name, Group: r.kind.Group, Kind: r.kind.Plural(), Uid: res.object.GetMetadata().GetUid(),
		},
	}
}

// remove is delete, with what the object was last.
func (r *resource) remove(ctx context.Context, req *metav1.DeleteRequest) (res *result, err error) {
	r = r.hub
	start, dry := time.Now(), false
	defer func() {
		r.record(ctx, start, "delete", "", req.GetNamespace(), req.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_DELETE, Namespace: req.GetNamespace(), Name: req.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(req.GetOptions()); err != nil {
		return nil, err
	}
	policy, err := propagation(req.GetOptions())
	if err != nil {
		return nil, err
	}
	return r.end(ctx, req, policy, dry, nil)
}

// end deletes one object that the caller may delete. It leaves the object alone when still is not nil and says no.
func (r *resource) end(ctx context.Context, req *metav1.DeleteRequest, policy string, dry bool, still func(*watchcache.Entry) bool) (*result, error) {
	return r.rewrite(ctx, req.GetNamespace(), req.GetName(), dry, func(current *watchcache.Entry) (outcome, error) {
		if still != nil && !still(current) {
			return outcome{}, nil
		}
		if err := r.preconditions(current.Object, req.GetOptions().GetPreconditions()); err != nil {
			return outcome{}, err
		}
		admit := r.request(ctx, metav1.Verb_VERB_DELETE, "", nil, current.Object, dry)
		if err := r.cfg.Admission.Validate(ctx, admit); err != nil {
			return outcome{}, err
		}
		out := r.ending(current.Object, req.GetOptions(), policy)
		out.guards = admit.Guards()
		return out, nil
	})
}

// propagation reads what should become of dependents; empty when the request leaves it to the object.
func propagation(o *metav1.DeleteOptions) (string, error) {
	policy := o.GetPropagationPolicy()
	if o != nil && o.OrphanDependents != nil {
		if policy != "" {
			return "", apierror.BadRequest("orphanDependents and propagationPolicy cannot both be set")
		}
		policy = "Background"
		if o.GetOrphanDependents() {
			policy = "Orphan"
		}
	}
	switch policy {
	case "", "Background", "Foreground", "Orphan":
		return policy, nil
	}
	return "", apierror.BadRequest(fmt.Sprintf("propagationPolicy is %q", policy), apierror.FieldViolation{
		Field: "options.propagationPolicy", Reason: "FieldValueNotSupported",
		Description: `supported values: "Background", "Foreground", "Orphan"`,
	})
}

func (r *resource) preconditions(o kind.Object, p *metav1.Preconditions) error {
	m := o.GetMetadata()
	if p != nil && p.Uid != nil && p.GetUid() != m.GetUid() {
		return apierror.Conflict(r.kind.String(), m.GetNamespace(), m.GetName(),
			fmt.Sprintf("the precondition wants uid %s, it has %s", p.GetUid(), m.GetUid()))
	}
	if p != nil && p.ResourceVersion != nil && p.GetResourceVersion() != m.GetResourceVersion() {
		return apierror.Conflict(r.kind.String(), m.GetNamespace(), m.GetName(),
			fmt.Sprintf("the precondition wants resourceVersion %s, it has %s", p.GetResourceVersion(), m.GetResourceVersion()))
	}
	return nil
}

// ending works out what a request to delete makes of an object: its end at once, or a later one.
func (r *resource) ending(old kind.Object, opts *metav1.DeleteOptions, policy string) outcome {
	o := clone(old)
	m := kind.Metadata(o)
	m.Finalizers = finalizers(m.GetFinalizers(), policy)
	grace := int64(0)
	if r.lifecycle.grace != nil {
		grace = r.lifecycle.grace(o, opts)
	}
	switch {
	case m.DeletionTimestamp == nil:
		m.DeletionTimestamp = timestamp(r.cfg.Now().Add(time.Duration(grace) * time.Second))
		m.DeletionGracePeriodSeconds = &grace
		if m.Generation > 0 {
			m.Generation++
		}
		if r.lifecycle.ending != nil {
			r.lifecycle.ending(o)
		}
	case grace < m.GetDeletionGracePeriodSeconds():
		// The end may be brought forward, never put off.
		m.DeletionTimestamp = secondsAfter(m.DeletionTimestamp, grace-m.GetDeletionGracePeriodSeconds())
		m.DeletionGracePeriodSeconds = &grace
	}
	return outcome{object: o, remove: r.over(o)}
}

// finalizers are those of an object that is deleted by a policy.
func finalizers(have []string, policy string) []string {
	if policy == "" {
		return have
	}
	out := slices.DeleteFunc(slices.Clone(have), func(f string) bool { return f == finalizerForeground || f == finalizerOrphan })
	switch policy {
	case "Foreground":
		return append(out, finalizerForeground)
	case "Orphan":
		return append(out, finalizerOrphan)
	}
	return out
}
