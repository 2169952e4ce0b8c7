package watch

import (
	"context"
	"errors"
	"sync"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// ErrKnown refuses a watch under an id that the session has already.
var ErrKnown = errors.New("the session has a watch of this id")

// errMerged ends a watcher whose watches go on with another.
var errMerged = errors.New("merged")

// Session is the watches of one receiver, told apart by ids. Watches of the same range that have been told the same are
// merged: one watcher carries them all, so that what they are told is found, queued and sent once, with their ids.
//
// Its methods may be called concurrently. Locks are taken in the order Session.mu, Hub.mu, Watcher.mu.
type Session struct {
	hub  *Hub
	ctx  context.Context
	sink Sink

	mu sync.Mutex
	// carriers are the watches that have not ended, with who carries each.
	carriers map[int64]*carrier
	// first is the carrier of each kind that others are merged into.
	first map[kind]*carrier

	// sending is held while the sink is given something.
	sending sync.Mutex
	running sync.WaitGroup
}

// Sink takes what the watches of a session are told; it is called by one goroutine at a time.
type Sink interface {
	// Send takes a response for the watches with its IDs.
	Send(*Response) error
	// End takes that watches have ended, and why.
	End(ids []int64, why error) error
}

// kind is what watches have in common that can be merged.
type kind struct {
	group    group
	progress bool
}

// carrier is a watcher of a session, with its own goroutine.
type carrier struct {
	// Watcher is nil while it is found out what to watch. Written under Session.mu.
	*Watcher
	kind   kind
	cancel context.CancelFunc
}

// NewSession makes a session, which ends with ctx.
func (h *Hub) NewSession(ctx context.Context, sink Sink) *Session {
	return &Session{hub: h, ctx: ctx, sink: sink, carriers: map[int64]*carrier{}, first: map[kind]*carrier{}}
}

// Wait waits until everything has ended, once the session's context has.
func (s *Session) Wait() { s.running.Wait() }

// Len counts the watches that have not ended.
func (s *Session) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.carriers)
}

// Watch begins a watch. What it is to watch prepare finds out, on the watch's goroutine. Whatever goes wrong is told to the
// sink as the end of the watch, but an id that is in use.
func (s *Session) Watch(id int64, prepare func(context.Context) (*storev1.WatchRequest, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.carriers[id] != nil {
		return ErrKnown
	}
	ctx, cancel := context.WithCancel(s.ctx)
	c := &carrier{cancel: cancel}
	s.carriers[id] = c
	s.running.Go(func() {
		defer cancel()
		s.end(c, s.run(ctx, c, id, prepare))
	})
	return nil
}

// Cancel ends a watch. What it was told may still be on its way. An id that is not known is no mistake: the watch may just
// have ended.
func (s *Session) Cancel(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.carriers[id]
	if c == nil {
		return
	}
	delete(s.carriers, id)
	if c.Watcher != nil && s.hub.drop(c.Watcher, id) {
		return
	}
	s.retire(c)
	c.cancel()
}

// retire has nobody merged into c any more. Called with mu held.
func (s *Session) retire(c *carrier) {
	if s.first[c.kind] == c {
		delete(s.first, c.kind)
	}
}

// run carries watches, at first one, until they end.
func (s *Session) run(ctx context.Context, c *carrier, id int64, prepare func(context.Context) (*storev1.WatchRequest, error)) error {
	req, err := prepare(ctx)
	if err != nil {
		return err
	}
	w, err := s.hub.Watch(ctx, req)
	if err != nil {
		return err
	}
	w.ids = []int64{id}
	w.idle = func() bool { return s.merge(c) }
	s.mu.Lock()
	c.Watcher, c.kind = w, kind{group: w.group, progress: w.progress}
	s.mu.Unlock()
	for {
		res, err := w.Next()
		if err != nil {
			return err
		}
		s.sending.Lock()
		err = s.sink.Send(res)
		s.sending.Unlock()
		if err != nil {
			return err
		}
	}
}

// end tells the watches that c carries that they have ended.
func (s *Session) end(c *carrier, why error) {
	if errors.Is(why, errMerged) {
		return
	}
	s.mu.Lock()
	s.retire(c)
	var ids []int64
	for id, by := range s.carriers {
		if by == c {
			ids = append(ids, id)
			delete(s.carriers, id)
		}
	}
	s.mu.Unlock()
	if len(ids) == 0 || s.ctx.Err() != nil {
		return
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	// When the receiver is gone there is nobody to tell.
	_ = s.sink.End(ids, why)
}

// merge hands what c carries over to the first carrier of its kind, once both have been told the same. When that one is not as
// far, c becomes the first: the other comes to it. It says whether c is at its end.
func (s *Session) merge(c *carrier) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.first[c.kind]
	if first == c || c.ctx.Err() != nil {
		return false
	}
	if first != nil {
		if ids, ok := s.hub.merge(c.Watcher, first.Watcher); ok {
			for _, id := range ids {
				if s.carriers[id] == c {
					s.carriers[id] = first
				}
			}
			return true
		}
	}
	s.first[c.kind] = c
	return false
}

// merge has into carry the watches of w as well, when neither has anything yet to be read that the other has not. w is at its end then.
func (h *Hub) merge(w, into *Watcher) (ids []int64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	into.mu.Lock()
	defer into.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if into.ctx.Err() != nil || !into.level(h.told) || !w.level(h.told) {
		return nil, false
	}
	ids = w.watching()
	into.ids = append(into.ids, ids...)
	into.watches, w.watches = into.watches+w.watches, 0
	w.ids = nil
	h.remove(w)
	return ids, true
}

// drop takes a watch away from those that w carries. It says false when it is the last one.
func (h *Hub) drop(w *Watcher, id int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.watches <= 1 {
		return false
	}
	w.watches--
	h.live--
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancelled == nil {
		w.cancelled = map[int64]struct{}{}
	}
	w.cancelled[id] = struct{}{}
	return true
}

// level tells whether the reader has got everything up to told and wants all that comes after. Called with Hub.mu and mu held.
func (w *Watcher) level(told int64) bool {
	return w.abreast && len(w.queue) == 0 && w.start <= told+1
}

// watching gives the watches that have not ended. Called with mu held.
func (w *Watcher) watching() []int64 {
	if len(w.cancelled) > 0 {
		left := make([]int64, 0, len(w.ids))
		for _, id := range w.ids {
			if _, gone := w.cancelled[id]; !gone {
				left = append(left, id)
			}
		}
		w.ids, w.cancelled = left, nil
	}
	return w.ids
}
