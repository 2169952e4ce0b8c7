package client

import (
	"context"
	"sync"

	"kaji.dev/kaji/kind"
)

// Handler is told of changes. Calls of one handler come one after the other, in its own goroutine; a nil function is skipped.
// States that follow each other faster than the handler takes them are merged: it sees the last one, always. Each
// incarnation (uid) of an object is told of by one OnAdd, any number of OnUpdate, and one OnDelete with its final state.
type Handler[T kind.Object] struct {
	OnAdd    func(T)
	OnUpdate func(old, new T)
	OnDelete func(T)
}

// delivery is the queue between the cache and one handler. It holds at most one entry for each incarnation of an object,
// so it is bounded by what lives and what died since the handler last looked.
type delivery[T kind.Object] struct {
	handler Handler[T]

	mu    sync.Mutex // taken under Informer.mu, never the other way round
	queue []string
	next  map[string]*change[T]
	wake  chan struct{} // capacity 1
}

// change is what the handler has not been told yet of one incarnation.
type change[T kind.Object] struct {
	known   bool // the handler knows old
	old     T
	last    T // last state, also of a deleted object
	deleted bool
}

func newDelivery[T kind.Object](h Handler[T]) *delivery[T] {
	return &delivery[T]{handler: h, next: map[string]*change[T]{}, wake: make(chan struct{}, 1)}
}

// tell queues a change. known and old say what the cache held before, which is what the handler was told last or will be
// told by the entry that is queued already.
func (d *delivery[T]) tell(known bool, old, last T, deleted bool) {
	key := keyOf(last) + "/" + last.GetMetadata().GetUid()
	d.mu.Lock()
	if c := d.next[key]; c != nil {
		c.last, c.deleted = last, deleted
	} else {
		d.next[key] = &change[T]{known: known, old: old, last: last, deleted: deleted}
		d.queue = append(d.queue, key)
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run calls the handler until ctx ends.
func (d *delivery[T]) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		for ctx.Err() == nil {
			c := d.pop()
			if c == nil {
				break
			}
			d.call(c)
		}
	}
}

func (d *delivery[T]) pop() *change[T] {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		d.queue = nil
		return nil
	}
	key := d.queue[0]
	d.queue = d.queue[1:]
	c := d.next[key]
	delete(d.next, key)
	return c
}

func (d *delivery[T]) call(c *change[T]) {
	switch {
	case !c.known && d.handler.OnAdd != nil:
		d.handler.OnAdd(c.last)
	case c.known && !c.deleted && d.handler.OnUpdate != nil:
		d.handler.OnUpdate(c.old, c.last)
	}
	if c.deleted && d.handler.OnDelete != nil {
		d.handler.OnDelete(c.last)
	}
}
