package client

import (
	"context"
	"strconv"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
)

// WaitFor waits until the cache is at a revision: the resourceVersion of an object that a write returned. From then on the
// cache shows that write, and all before it. It returns an *apierror.Error: BadRequest when it is no revision, and
// Timeout or Canceled when ctx ends first.
//
// A revision that touches an object of the informer is reached within a round trip. One that does not (another
// kind, or an object that the selectors leave out) is reached with the next bookmark, which takes up to half a minute.
// A store that was restored from a backup may never reach it: always give ctx an end.
func (i *Informer[T]) WaitFor(ctx context.Context, resourceVersion string) error {
	revision, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil {
		return apierror.BadRequest("resourceVersion " + strconv.Quote(resourceVersion) + " is no number")
	}
	reached, forget := i.await(revision)
	if reached == nil {
		return nil
	}
	select {
	case <-reached:
		return nil
	case <-ctx.Done():
		forget()
		return apierror.FromStatus(ctx.Err())
	}
}

// WaitForObject is WaitFor the revision of an object as a write returned it.
func (i *Informer[T]) WaitForObject(ctx context.Context, o kind.Object) error {
	return i.WaitFor(ctx, o.GetMetadata().GetResourceVersion())
}

// await returns a channel that closes when the cache is at the revision, nil when it is already, and what to call when
// nobody waits any more.
func (i *Informer[T]) await(revision int64) (reached chan struct{}, forget func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.HasSynced() && i.observed >= revision {
		return nil, nil
	}
	reached = make(chan struct{})
	i.waiting[reached] = revision
	return reached, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.waiting, reached)
	}
}

// wake tells those who wait for a revision that the cache has reached. Callers hold mu, so nobody who is woken reads a cache
// that is only half changed.
func (i *Informer[T]) wake() {
	for reached, revision := range i.waiting {
		if i.observed >= revision {
			close(reached)
			delete(i.waiting, reached)
		}
	}
}
