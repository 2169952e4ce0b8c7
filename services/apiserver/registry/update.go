package registry

import (
	"context"
	"fmt"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// statusSubresource is the part of an object that is written through UpdateStatus.
const statusSubresource = "status"

// update replaces an object, or the part of one that the sub-resource stands for. It owns the object.
func (r *resource) update(ctx context.Context, o kind.Object, subresource string, opts *metav1.UpdateOptions) (res *result, err error) {
	if r.hub != r {
		if o, err = r.taken(o); err != nil {
			return nil, err
		}
		return r.shown(r.hub.update(r.as(ctx), o, subresource, opts))
	}
	m := kind.Metadata(o)
	start, dry := time.Now(), false
	defer func() {
		r.record(ctx, start, "update", subresource, m.GetNamespace(), m.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_UPDATE, Subresource: subresource, Namespace: m.GetNamespace(), Name: m.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(opts); err != nil {
		return nil, err
	}
	if err := checkManager(opts.GetFieldManager(), false); err != nil {
		return nil, err
	}
	validation, err := fieldValidation(opts, validationIgnore)
	if err != nil {
		return nil, err
	}
	odd, err := r.unknown(o, validation)
	if err != nil {
		return nil, err
	}
	if _, err := parseVersion(m.GetResourceVersion()); err != nil {
		return nil, err
	}
	res, err = r.rewrite(ctx, m.GetNamespace(), m.GetName(), dry, func(current *watchcache.Entry) (outcome, error) {
		out, err := r.replace(ctx, clone(o), current, subresource, dry)
		if err != nil {
			return outcome{}, err
		}
		return r.tracked(ctx, out, current.Object, opts.GetFieldManager(), subresource)
	})
	if err == nil {
		tell(ctx, odd)
		if subresource == "" {
			r.warn(ctx, o)
		}
	}
	return res, err
}

// replace works out what an object becomes when new is written over it. It owns new.
func (r *resource) replace(ctx context.Context, new kind.Object, current *watchcache.Entry, subresource string, dry bool) (outcome, error) {
	old := current.Object
	if err := r.sameObject(new, old); err != nil {
		return outcome{}, err
	}
	part, isPart := r.strategy.Subresources[subresource]
	switch {
	case subresource == statusSubresource:
		new = r.onlyStatus(new, old)
	case isPart:
		new = part.Take(new, old)
		r.strategy.Default(new)
	default:
		r.carryOver(new, old)
		r.strategy.Default(new)
	}
	req := r.request(ctx, metav1.Verb_VERB_UPDATE, subresource, new, old, dry)
	if err := r.cfg.Admission.Mutate(ctx, req); err != nil {
		return outcome{}, err
	}
	violations := r.shape(new)
	if subresource == statusSubresource {
		violations = append(violations, r.strategy.ValidateStatusUpdate(new, old)...)
	} else {
		r.strategy.PrepareUpdate(new, old)
		if r.status != nil && !r.sameSpec(new, old) {
			kind.Metadata(new).Generation = old.GetMetadata().GetGeneration() + 1
		}
		validate := r.strategy.ValidateUpdate
		if isPart {
			validate = part.ValidateUpdate
		}
		violations = append(append(violations, r.strategy.Validate(new)...), validate(new, old)...)
	}
	if err := r.invalid(new, violations); err != nil {
		return outcome{}, err
	}
	if err := r.cfg.Admission.Validate(ctx, req); err != nil {
		return outcome{}, err
	}
	return outcome{object: new, remove: r.over(new), guards: req.Guards()}, nil
}

// sameObject checks that a write means the object that is there, as it is there.
func (r *resource) sameObject(new, old kind.Object) error {
	n, o := kind.Metadata(new), old.GetMetadata()
	conflict := func(message string) error {
		return apierror.Conflict(r.kind.String(), o.GetNamespace(), o.GetName(), message)
	}
	if n.Uid != "" && n.Uid != o.GetUid() {
		return conflict(fmt.Sprintf("its uid is %s, not %s: it is another object of that name", o.GetUid(), n.Uid))
	}
	if n.ResourceVersion != "" && n.ResourceVersion != o.GetResourceVersion() {
		return conflict("")
	}
	return nil
}

// carryOver gives new what an update does not change, or may leave out.
func (r *resource) carryOver(new, old kind.Object) {
	n, o := kind.Metadata(new), old.GetMetadata()
	n.Uid = o.GetUid()
	if n.CreationTimestamp == nil {
		n.CreationTimestamp = o.GetCreationTimestamp()
	}
	n.DeletionTimestamp, n.DeletionGracePeriodSeconds = o.GetDeletionTimestamp(), o.DeletionGracePeriodSeconds
	n.Generation, n.SelfLink = o.GetGeneration(), ""
	if n.GenerateName == "" {
		n.GenerateName = o.GetGenerateName()
	}
	if len(n.ManagedFields) == 0 {
		n.ManagedFields = o.GetManagedFields()
	}
	if r.status != nil {
		r.setStatus(new, old)
	}
}

// onlyStatus is old with the status of new.
func (r *resource) onlyStatus(new, old kind.Object) kind.Object {
	out := clone(old)
	r.setStatus(out, new)
	return out
}

// over says whether an object that is being deleted has nothing left to wait for.
func (r *resource) over(o kind.Object) bool {
	m := o.GetMetadata()
	return m.GetDeletionTimestamp() != nil && len(m.GetFinalizers()) == 0 &&
		m.GetDeletionGracePeriodSeconds() == 0 && !r.lifecycle.holds(o)
}
