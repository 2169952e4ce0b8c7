package watchcache

import (
	"context"
	"sync"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// catchUpUnderLock is how many events a watcher that joins may still be behind when it takes the cache's lock.
const catchUpUnderLock = 64

// Watcher follows a selection of one kind's objects. One goroutine reads from it; it must be Stopped.
type Watcher struct {
	cache     *Cache
	selection *Selection

	// mu guards all below. Cache.mu, when needed, is taken first.
	mu       sync.Mutex
	queue    []Change
	spare    []Change // the batch handed out last, to be used again
	behind   bool     // not among the cache's watchers: what comes next is read from the history after position
	position int64    // seq of the last event considered for a batch that was handed out
	err      error    // why the watcher ended
	signal   chan struct{}
}

// WatchFrom follows the changes after a revision. It is an Expired error when they are not remembered.
func (c *Cache) WatchFrom(s *Selection, revision int64) (*Watcher, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	position, ok := c.history.positionAfter(revision)
	if !ok {
		return nil, tooOld()
	}
	return c.watcher(s, position), nil
}

// WatchNow lists the selection and follows the changes after it.
func (c *Cache) WatchNow(s *Selection) (*Watcher, Page) {
	c.mu.RLock()
	candidates, revision, position := c.collect(s, ""), c.revision(), c.history.lastSeq
	c.mu.RUnlock()
	return c.watcher(s, position), cut(s, candidates, revision, 0)
}

func (c *Cache) watcher(s *Selection, position int64) *Watcher {
	return &Watcher{cache: c, selection: s, behind: true, position: position, signal: make(chan struct{}, 1)}
}

func tooOld() error {
	return apierror.Expired("the resourceVersion is too old: changes since are no longer remembered; list again")
}

// Initial are the objects of a page as the ADDED changes that a watch begins with.
func Initial(p Page) []Change {
	out := make([]Change, len(p.Entries))
	for i, e := range p.Entries {
		out[i] = Change{Type: metav1.EventType_EVENT_TYPE_ADDED, Entry: e}
	}
	return out
}

// push queues a change; false when the queue is full: the watcher is behind from now on and not to be pushed
// to any more. The caller holds the cache's lock.
func (w *Watcher) push(c Change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.behind {
		return false
	}
	if len(w.queue) >= w.cache.cfg.MaxQueue {
		// The queue is not lost: all of it is in the history, after position.
		w.queue, w.behind = nil, true
		w.wake()
		return false
	}
	w.queue = append(w.queue, c)
	w.wake()
	return true
}

func (w *Watcher) wake() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

func (w *Watcher) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err, w.queue = err, nil
		w.wake()
	}
}

// Next waits for changes and returns them in order. The slice is good until the next call. It returns none when tick
// fires, and an error when ctx ends or the watcher cannot go on without a gap (Expired).
func (w *Watcher) Next(ctx context.Context, tick <-chan time.Time) ([]Change, error) {
	for {
		batch, behind, err := w.take()
		if err != nil || len(batch) > 0 {
			return batch, err
		}
		if behind {
			if batch, err = w.catchUp(); err != nil || len(batch) > 0 {
				return batch, err
			}
			continue
		}
		select {
		case <-w.signal:
		case <-tick:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *Watcher) take() (batch []Change, behind bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return nil, false, w.err
	}
	if len(w.queue) > 0 {
		batch = w.queue
		clear(w.spare)
		w.queue, w.spare = w.spare[:0], batch
		w.position = batch[len(batch)-1].shared.seq
	}
	return batch, w.behind, nil
}

// catchUp reads what came after position from the history and, when that is not much, joins the cache's watchers
// in the same moment, so that nothing falls between.
func (w *Watcher) catchUp() ([]Change, error) {
	c := w.cache
	c.mu.RLock()
	events, ok := c.history.afterSeq(w.position)
	c.mu.RUnlock()
	if !ok {
		return nil, tooOld()
	}
	if len(events) <= catchUpUnderLock {
		c.mu.Lock()
		defer c.mu.Unlock()
		if events, ok = c.history.afterSeq(w.position); !ok {
			return nil, tooOld()
		}
		w.mu.Lock()
		if w.err == nil {
			w.behind = false
			c.watchers.add(w)
		}
		w.mu.Unlock()
	}
	var out []Change
	for _, e := range events {
		if change, concerns := e.through(w.selection); concerns {
			out = append(out, change)
		}
		w.position = e.seq
	}
	return out, nil
}

// Bookmark is a revision up to which the watcher has been handed everything; false when changes wait.
func (w *Watcher) Bookmark() (int64, bool) {
	// Read first: all changes up to this revision were pushed before it was set.
	revision := w.cache.progress.revision.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil || w.behind || len(w.queue) > 0 {
		return 0, false
	}
	return revision, true
}

// Stop ends the watcher.
func (w *Watcher) Stop() {
	w.cache.mu.Lock()
	w.cache.watchers.remove(w)
	w.cache.mu.Unlock()
	w.end(context.Canceled)
}
