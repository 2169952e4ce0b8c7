package registry

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/authz"
)

// nameTries is how often another generated name is tried when one is taken.
const nameTries = 8

// maxRounds bounds how often a write starts over because what it rests on changed meanwhile.
const maxRounds = 32

// create stores a new object. It owns the object.
func (r *resource) create(ctx context.Context, o kind.Object, opts *metav1.CreateOptions) (res *result, err error) {
	if r.hub != r {
		if o, err = r.taken(o); err != nil {
			return nil, err
		}
		return r.shown(r.hub.create(r.as(ctx), o, opts))
	}
	m := kind.Metadata(o)
	start, dry := time.Now(), false
	defer func() { r.record(ctx, start, "create", "", m.GetNamespace(), m.GetName(), dry, res, err) }()
	if err := r.authorize(ctx, authz.Attributes{Verb: metav1.Verb_VERB_CREATE, Namespace: m.GetNamespace(), Name: m.GetName()}); err != nil {
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
	if m.ResourceVersion != "" {
		return nil, apierror.BadRequest("an object to be created has no resourceVersion",
			apierror.FieldViolation{Field: "metadata.resourceVersion", Description: "must be empty", Reason: "FieldValueForbidden"})
	}
	r.begin(o)
	generated := m.Name == "" && m.GenerateName != ""
	var sent kind.Object
	if generated {
		sent = clone(o)
	}
	for try := 1; ; try++ {
		if generated {
			// What the last try filled in may hold its name.
			proto.Reset(o)
			proto.Merge(o, sent)
			m = kind.Metadata(o)
			m.Name = generateName(m.GenerateName)
		}
		res, err = r.createOnce(ctx, o, opts.GetFieldManager(), dry)
		if !generated || !apierror.IsAlreadyExists(err) || try == nameTries {
			if err == nil {
				tell(ctx, odd)
			}
			return res, err
		}
	}
}

// begin gives a new object what only the server says.
func (r *resource) begin(o kind.Object) {
	m := kind.Metadata(o)
	m.Uid, m.SelfLink = newUID(), ""
	m.CreationTimestamp = timestamp(r.cfg.Now())
	m.DeletionTimestamp, m.DeletionGracePeriodSeconds = nil, nil
	m.Generation = 0
	if r.status != nil {
		m.Generation = 1
		if !r.lifecycle.createsStatus {
			o.ProtoReflect().Clear(r.status)
		}
	}
}

func (r *resource) createOnce(ctx context.Context, o kind.Object, manager string, dry bool) (*result, error) {
	for range maxRounds {
		r.strategy.Default(o)
		req := r.request(ctx, metav1.Verb_VERB_CREATE, "", o, nil, dry)
		if err := r.cfg.Admission.Mutate(ctx, req); err != nil {
			return nil, err
		}
		r.strategy.PrepareCreate(o)
		violations := append(append(r.shape(o), r.strategy.Validate(o)...), r.strategy.ValidateCreate(o)...)
		if err := r.invalid(o, violations); err != nil {
			return nil, err
		}
		if err := r.cfg.Admission.Validate(ctx, req); err != nil {
			return nil, err
		}
		if manager != "" {
			if _, err := r.tracked(ctx, outcome{object: o}, r.kind.New(), manager, ""); err != nil {
				return nil, err
			}
		}
		res, again, err := r.insert(ctx, o, req.Guards(), dry)
		if !again {
			if err == nil {
				r.warn(ctx, o)
			}
			return res, err
		}
	}
	return nil, r.contended(o)
}

// insert writes an object that must not be there yet. It says again when a guard did not hold.
func (r *resource) insert(ctx context.Context, o kind.Object, guards []admission.Guard, dry bool) (res *result, again bool, err error) {
	m := o.GetMetadata()
	key := r.kind.Key(m.GetNamespace(), m.GetName())
	value, err := r.encode(o)
	if err != nil {
		return nil, false, err
	}
	if dry {
		e, err := r.fetch(ctx, key)
		if err == nil && e != nil {
			err = apierror.AlreadyExists(r.kind.String(), m.GetNamespace(), m.GetName())
		}
		return &result{object: o, raw: value}, false, err
	}
	stored, mark := r.marked(value)
	op, err := r.put(ctx, key, stored)
	if err != nil {
		return nil, false, err
	}
	base := r.cfg.Caches.Revision() // the write comes after it
	resp, resent, err := r.txn(ctx, &storev1.TxnRequest{
		Compares: append(guarded(guards), unchanged(key, 0)),
		Success:  []*storev1.Op{op},
		Failure:  []*storev1.Op{lookup(key)},
	})
	if err != nil {
		return nil, false, err
	}
	if resp.GetSucceeded() {
		return r.stored(key, o, value, resp.GetRevision()), false, nil
	}
	if resent {
		e, err := r.settle(ctx, key, base, mark, resp.GetRevision())
		if err != nil {
			return nil, false, err
		}
		if e != nil {
			return resultOf(e), false, nil
		}
	}
	there, err := r.found(resp.GetResults()[0])
	switch {
	case err != nil:
		return nil, false, err
	case there != nil:
		return nil, false, apierror.AlreadyExists(r.kind.String(), m.GetNamespace(), m.GetName())
	}
	// A guard changed. The plugins must see it as it is now.
	return nil, true, r.cfg.Caches.Reach(ctx, resp.GetRevision())
}

func guarded(guards []admission.Guard) []*storev1.Compare {
	out := make([]*storev1.Compare, 0, len(guards)+1)
	for _, g := range guards {
		out = append(out, unchanged(g.Key, g.Revision))
	}
	return out
}

// request is a write as admission sees it.
func (r *resource) request(ctx context.Context, verb metav1.Verb, subresource string, o, old kind.Object, dry bool) *admission.Request {
	of := o
	if of == nil {
		of = old
	}
	m := of.GetMetadata()
	return &admission.Request{
		Identity: caller(ctx), Verb: verb, Kind: r.kind, Subresource: subresource,
		Namespace: m.GetNamespace(), Name: m.GetName(), Object: o, Old: old, DryRun: dry,
	}
}

// contended is the answer when a write lost again and again.
func (r *resource) contended(o kind.Object) error {
	m := o.GetMetadata()
	return apierror.Conflict(r.kind.String(), m.GetNamespace(), m.GetName(), "it is being written by many at once; try again")
}
