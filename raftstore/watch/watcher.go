package watch

import (
	"context"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// maxResponseBytes ends a response at the next whole revision, well below what gRPC lets through.
const maxResponseBytes = 8 << 20

// Watcher is one watch. Recv has one caller at a time.
type Watcher struct {
	hub      *Hub
	ctx      context.Context
	lost     <-chan struct{}
	group    group
	progress bool
	// start is the first revision that the hub may hand over: the one asked for, later the one that
	// the reader got to by itself. Written by the reader, under hub.mu once it has joined.
	start int64

	// begun, sent and lastSent belong to the caller of Recv.
	begun    bool
	sent     int64
	lastSent time.Time

	wake chan struct{}

	mu sync.Mutex
	// queue waits for the reader. Slices in it are shared with other watchers.
	queue  [][]*storev1.Event
	queued int
	// abreast: the hub hands changes over, and told is up to where. Otherwise the reader goes on from the
	// source at next once the queue is empty.
	abreast bool
	told    int64
	next    int64
}

// offer hands over the events of the revisions from..upTo. It says false when the queue is full and
// the watcher has to go on by itself.
func (w *Watcher) offer(events []*storev1.Event, from, upTo int64, limit int) bool {
	if from < w.start {
		for len(events) > 0 && events[0].Kv.ModRevision < w.start {
			events = events[1:]
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(events) > 0 {
		if w.queued > 0 && w.queued+len(events) > limit {
			w.abreast, w.next = false, max(from, w.start)
			w.signal()
			return false
		}
		w.queue = append(w.queue, events)
		w.queued += len(events)
		w.signal()
	}
	w.told = upTo
	return true
}

func (w *Watcher) fallBehind(next int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abreast, w.next = false, max(next, w.start)
	w.signal()
}

func (w *Watcher) standAbreast(told int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.abreast, w.told = true, told
}

func (w *Watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Recv waits for the next response. Errors are final.
func (w *Watcher) Recv() (*storev1.WatchResponse, error) {
	if !w.begun {
		return w.begin()
	}
	for {
		if err := w.ended(); err != nil {
			return nil, err
		}
		w.mu.Lock()
		abreast, told, next := w.abreast, w.told, w.next
		if len(w.queue) > 0 {
			events, upTo := w.take()
			w.mu.Unlock()
			return w.send(events, upTo), nil
		}
		w.mu.Unlock()
		switch {
		case !abreast:
			res, err := w.catchUp(next)
			if res != nil || err != nil {
				return res, err
			}
		default:
			if res, err := w.wait(told); res != nil || err != nil {
				return res, err
			}
		}
	}
}

// begin says that the watch stands.
func (w *Watcher) begin() (*storev1.WatchResponse, error) {
	if err := w.ended(); err != nil {
		return nil, err
	}
	if _, _, err := w.hub.source.Changes(w.next, 1); err != nil {
		return nil, err
	}
	w.begun = true
	return w.send(nil, min(w.start-1, w.hub.source.Revision())), nil
}

// take takes from the queue what fits a response. Called with mu held.
func (w *Watcher) take() ([]*storev1.Event, int64) {
	events := w.queue[0]
	if len(w.queue) > 1 {
		events = make([]*storev1.Event, 0, w.queued)
		for _, q := range w.queue {
			events = append(events, q...)
		}
	}
	clear(w.queue)
	w.queue, w.queued = w.queue[:0], 0
	if n := fits(events); n < len(events) {
		w.queue, w.queued = append(w.queue, events[n:]), len(events)-n
		return events[:n], events[n-1].Kv.ModRevision
	}
	if w.abreast {
		return events, w.told
	}
	// What came after the queue was full is still to be read.
	return events, w.next - 1
}

// catchUp reads on from the source, and goes back to the hub when nothing is left to read.
func (w *Watcher) catchUp(next int64) (*storev1.WatchResponse, error) {
	changes, upTo, err := w.hub.source.Changes(next, w.hub.opts.Chunk)
	if err != nil {
		return nil, err
	}
	var events []*storev1.Event
	keys := w.group.keys()
	for _, c := range changes {
		if keys.Contains(c.Key()) {
			events = append(events, c.Event(w.group.previous))
		}
	}
	if n := fits(events); n < len(events) {
		events, upTo = events[:n], events[n-1].Kv.ModRevision
	}
	if upTo >= next {
		w.mu.Lock()
		w.next = upTo + 1
		w.mu.Unlock()
	}
	if len(events) > 0 {
		return w.send(events, upTo), nil
	}
	if upTo < next {
		// Does nothing when something was told since the source was read; it is read again then.
		w.hub.join(w, next)
	}
	return nil, nil
}

// fits gives how many events make one response: whole revisions, of maxResponseBytes if they can be.
func fits(events []*storev1.Event) int {
	size := 0
	for i, e := range events {
		size += len(e.Kv.Key) + len(e.Kv.Value) + len(e.Previous.GetValue())
		if size > maxResponseBytes {
			for n := i; n > 0; n-- {
				if events[n].Kv.ModRevision != events[n-1].Kv.ModRevision {
					return n
				}
			}
			// The first revision alone is larger; it goes whole.
			for n := i + 1; n < len(events); n++ {
				if events[n].Kv.ModRevision != events[n-1].Kv.ModRevision {
					return n
				}
			}
			break
		}
	}
	return len(events)
}

// wait blocks until there is news or progress to tell.
func (w *Watcher) wait(told int64) (*storev1.WatchResponse, error) {
	var tick <-chan time.Time
	if w.progress {
		timer := time.NewTimer(time.Until(w.lastSent.Add(w.hub.opts.Progress)))
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-w.wake:
	case <-tick:
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.queue) == 0 && w.abreast {
			return w.send(nil, w.told), nil
		}
	case <-w.ctx.Done():
		return nil, w.ctx.Err()
	case <-w.lost:
		return nil, ErrLost
	}
	return nil, nil
}

func (w *Watcher) send(events []*storev1.Event, upTo int64) *storev1.WatchResponse {
	w.sent, w.lastSent = max(w.sent, upTo), time.Now()
	return &storev1.WatchResponse{Revision: w.sent, Events: events}
}

func (w *Watcher) ended() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	select {
	case <-w.lost:
		return ErrLost
	default:
		return nil
	}
}
