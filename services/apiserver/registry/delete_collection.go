package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// removers bounds how many objects of a collection are removed at once.
const removers = 8

// deleteCollection removes the objects that were in a selection when the call came and still are when their turn
// comes. Each goes as delete takes it: an object that has to wait is marked. One that cannot be removed does not
// keep the others; the first such error is the answer, with the number of those that stay.
func (r *resource) deleteCollection(ctx context.Context, req *metav1.DeleteCollectionRequest) (st *metav1.Status, err error) {
	r = r.hub
	start, dry := time.Now(), false
	defer func() {
		r.record(ctx, start, "deletecollection", "", req.GetNamespace(), "", dry, nil, err)
	}()
	o := req.GetListOptions()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_DELETE_COLLECTION, Namespace: req.GetNamespace(), FieldSelector: o.GetFieldSelector(),
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
	if req.GetOptions().GetPreconditions() != nil {
		return nil, apierror.BadRequest("preconditions are about one object; a collection has none", apierror.FieldViolation{
			Field: "options.preconditions", Description: "must be unset", Reason: "FieldValueForbidden"})
	}
	selection, page, err := r.find(ctx, req.GetNamespace(), o)
	if err != nil {
		return nil, err
	}
	if err := r.removeAll(ctx, selection, page.Entries, req.GetOptions(), policy, dry); err != nil {
		return nil, err
	}
	return &metav1.Status{
		Metadata: listMeta(page), Status: "Success",
		Details: &metav1.StatusDetails{Group: r.kind.Group, Kind: r.kind.Plural()},
	}, nil
}

// removeAll removes entries, a few at a time, and goes on after one that stays.
func (r *resource) removeAll(ctx context.Context, s *watchcache.Selection, entries []*watchcache.Entry, opts *metav1.DeleteOptions, policy string, dry bool) error {
	var (
		running sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex
		first   error
		stayed  int
	)
	for range min(removers, len(entries)) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				if err := r.removeOne(ctx, s, entries[i], opts, policy, dry); err != nil {
					mu.Lock()
					stayed++
					if first == nil {
						first = err
					}
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	var known *apierror.Error
	if stayed > 1 && errors.As(first, &known) {
		told := *known
		told.Message = fmt.Sprintf("%s (and %d more of %d could not be deleted)", known.Error(), stayed-1, len(entries))
		return &told
	}
	return first
}

// removeOne removes an object of a collection, unless it is gone, is another one of that name, or is in the selection no more.
func (r *resource) removeOne(ctx context.Context, s *watchcache.Selection, e *watchcache.Entry, opts *metav1.DeleteOptions, policy string, dry bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := e.Object.GetMetadata()
	start, left := time.Now(), false
	req := &metav1.DeleteRequest{Namespace: m.GetNamespace(), Name: m.GetName(), Options: opts}
	res, err := r.end(ctx, req, policy, dry, func(current *watchcache.Entry) bool {
		left = current.Object.GetMetadata().GetUid() != m.GetUid() || !s.Matches(current)
		return !left
	})
	if left || apierror.IsNotFound(err) {
		return nil
	}
	r.record(ctx, start, "delete", "", m.GetNamespace(), m.GetName(), dry, res, err)
	return err
}
