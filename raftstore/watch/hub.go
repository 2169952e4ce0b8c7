package watch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

// ErrLost ends watchers when the hub is closed or interrupted.
var ErrLost = errors.New("the watch was cut off")

// Source is where changes come from; *mvcc.State is one.
type Source interface {
	Changes(from int64, limit int) (changes []mvcc.Change, upTo int64, err error)
	Revision() int64
}

// Options of a Hub. The zero value is usable.
type Options struct {
	// Queue bounds the events that wait for a watcher's reader; 0 means 4096.
	Queue int
	// QueueBytes bounds the bytes of those events; 0 means 64 MiB. One batch may wait whatever its size.
	QueueBytes int
	// Chunk bounds the changes read from the source at a time; 0 means 1024.
	Chunk int
	// Progress is how long a watcher that wants to be told of progress is left without news; 0 means 1 s.
	Progress time.Duration
}

// Hub hands changes to watchers. Make it with NewHub.
type Hub struct {
	source Source
	opts   Options

	mu     sync.Mutex
	groups map[group]members
	// told is the revision up to which changes were handed to the watchers in groups.
	told int64
	// lost is closed to end the watchers there are; closed tells that none can begin.
	lost   chan struct{}
	closed bool
	done   chan struct{}
	live   int
}

// group is what watchers that get the very same events have in common.
type group struct {
	key, end          string
	previous          bool
	noPuts, noDeletes bool
}

func (g group) keys() mvcc.KeyRange { return mvcc.KeyRange{Key: []byte(g.key), End: []byte(g.end)} }

// wants tells whether the filters let a change through.
func (g group) wants(c mvcc.Change) bool {
	if c.Deletes() {
		return !g.noDeletes
	}
	return !g.noPuts
}

// events makes of changes what watchers of the group are told; nil when that is nothing.
func (g group) events(changes []mvcc.Change) *batch {
	keys := g.keys()
	var events []*storev1.Event
	for _, c := range changes {
		if keys.Contains(c.Key()) && g.wants(c) {
			events = append(events, c.Event(g.previous))
		}
	}
	return newBatch(events)
}

// members are the watchers of a group that are abreast.
type members map[*Watcher]struct{}

// NewHub makes a hub over a source.
func NewHub(source Source, opts Options) *Hub {
	if opts.Queue == 0 {
		opts.Queue = 4096
	}
	if opts.QueueBytes == 0 {
		opts.QueueBytes = 64 << 20
	}
	if opts.Chunk == 0 {
		opts.Chunk = 1024
	}
	if opts.Progress == 0 {
		opts.Progress = time.Second
	}
	return &Hub{source: source, opts: opts, groups: map[group]members{}, told: source.Revision(), lost: make(chan struct{}), done: make(chan struct{})}
}

// Watch begins a watch. It ends with ctx.
func (h *Hub) Watch(ctx context.Context, req *storev1.WatchRequest) (*Watcher, error) {
	if err := mvcc.ValidateRange(req.Key, req.RangeEnd); err != nil {
		return nil, err
	}
	now := h.source.Revision()
	w := &Watcher{
		hub: h, ctx: ctx, progress: req.Progress,
		group: group{key: string(req.Key), end: string(req.RangeEnd), previous: req.Previous, noPuts: req.NoPuts, noDeletes: req.NoDeletes},
		start: req.StartRevision, next: req.StartRevision,
		wake: make(chan struct{}, 1), watches: 1,
	}
	if w.next <= 0 {
		w.start, w.next = now+1, now+1
	}
	h.mu.Lock()
	h.live += w.watches
	w.lost = h.lost
	h.mu.Unlock()
	context.AfterFunc(ctx, func() { h.leave(w) })
	return w, nil
}

// Watchers counts the watches that have not ended.
func (h *Hub) Watchers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.live
}

// Dispatch hands out all changes since the last time. It is called after changes were applied.
func (h *Hub) Dispatch() {
	for h.dispatchChunk() {
	}
}

func (h *Hub) dispatchChunk() (more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changes, upTo, err := h.source.Changes(h.told+1, h.opts.Chunk)
	if err != nil || upTo < h.told {
		// The source was replaced by a copy that does not reach back to what was told, or is behind
		// it. Each watcher finds out for itself whether it can go on.
		h.scatter()
		h.told = h.source.Revision()
		return false
	}
	if upTo == h.told {
		return false
	}
	if mutant.LostEvents {
		changes = slices.DeleteFunc(changes, func(c mvcc.Change) bool { return c.Revision()%100 == 0 })
	}
	from := h.told + 1
	h.told = upTo
	for g, m := range h.groups {
		b := g.events(changes)
		for w := range m {
			if !w.offer(b, from, upTo) {
				h.remove(w)
			}
		}
	}
	return h.source.Revision() > upTo
}

// scatter makes every watcher go on by itself. Called with mu held.
func (h *Hub) scatter() {
	for _, m := range h.groups {
		for w := range m {
			w.fallBehind(h.told + 1)
		}
	}
	h.groups = map[group]members{}
}

// join puts w in its group when it is abreast of the others.
func (h *Hub) join(w *Watcher, next int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if next <= h.told || w.ctx.Err() != nil {
		return
	}
	m := h.groups[w.group]
	if m == nil {
		m = members{}
		h.groups[w.group] = m
	}
	m[w] = struct{}{}
	// The reader may have read ahead of the hub; it does not want the same again.
	w.start = max(w.start, next)
	w.standAbreast(h.told)
}

// leave forgets w.
func (h *Hub) leave(w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live -= w.watches
	w.watches = 0
	h.remove(w)
}

func (h *Hub) remove(w *Watcher) {
	if m := h.groups[w.group]; m != nil {
		delete(m, w)
		if len(m) == 0 {
			delete(h.groups, w.group)
		}
	}
}

// Interrupt ends the watchers there are with ErrLost, for a member that can no longer tell what is new.
func (h *Hub) Interrupt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		close(h.lost)
		h.lost = make(chan struct{})
	}
}

// Close ends all watchers with ErrLost, those that begin later too.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.lost)
		close(h.done)
	}
}

// Closed is closed once the hub is.
func (h *Hub) Closed() <-chan struct{} { return h.done }
