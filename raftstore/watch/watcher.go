package watch

import (
	"context"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// maxResponseBytes ends a response at the next whole revision, well below what gRPC lets through.
const maxResponseBytes = 8 << 20

// Watcher is one watch, or several of a session that are told the same. Recv has one caller at a time.
type Watcher struct {
	hub      *Hub
	ctx      context.Context
	lost     <-chan struct{}
	group    group
	progress bool
	// start is the first revision that the hub may hand over: the one asked for, later the one that
	// the reader got to by itself. Written by the reader, under hub.mu once it has joined.
	start int64
	// watches counts the watches that it stands for: one, until a session merges others into it. Guarded by hub.mu.
	watches int
	// idle, when set, is asked before the reader waits: true ends the watcher, as another goes on for it.
	idle func() bool

	// begun, sent and lastSent belong to the caller of Recv.
	begun    bool
	sent     int64
	lastSent time.Time

	wake chan struct{}

	mu sync.Mutex
	// ids are the watches of a session that it stands for, cancelled those among them that have ended. What is
	// in ids stays as it is; it is appended to, or replaced as a whole.
	ids       []int64
	cancelled map[int64]struct{}
	// queue waits for the reader. Batches in it are shared with other watchers.
	queue  []*batch
	queued int // events
	bytes  int
	// abreast: the hub hands changes over, and told is up to where. Otherwise the reader goes on from the
	// source at next once the queue is empty.
	abreast bool
	told    int64
	next    int64
}

// offer hands over the events of the revisions from..upTo, none when b is nil. It says false when the queue is full and
// the watcher has to go on by itself.
func (w *Watcher) offer(b *batch, from, upTo int64) bool {
	if from < w.start {
		b = b.from(w.start)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if b != nil {
		if w.queued > 0 && (w.queued+len(b.events) > w.hub.opts.Queue || w.bytes+b.bytes > w.hub.opts.QueueBytes) {
			w.abreast, w.next = false, max(from, w.start)
			w.signal()
			return false
		}
		w.queue = append(w.queue, b)
		w.queued += len(b.events)
		w.bytes += b.bytes
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

// Recv waits for the next response. Errors are final. The events are shared with other watchers and must not be changed.
func (w *Watcher) Recv() (*storev1.WatchResponse, error) {
	res, err := w.Next()
	if err != nil {
		return nil, err
	}
	return res.Message(), nil
}

// Next is Recv for those that send the response on.
func (w *Watcher) Next() (*Response, error) {
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
			res := w.take()
			w.mu.Unlock()
			return res, nil
		}
		w.mu.Unlock()
		if !abreast {
			if res, err := w.catchUp(next); res != nil || err != nil {
				return res, err
			}
			continue
		}
		if w.idle != nil && w.idle() {
			return nil, errMerged
		}
		if res, err := w.wait(told); res != nil || err != nil {
			return res, err
		}
	}
}

// begin says that the watch stands.
func (w *Watcher) begin() (*Response, error) {
	if err := w.ended(); err != nil {
		return nil, err
	}
	if _, _, err := w.hub.source.Changes(w.next, 1); err != nil {
		return nil, err
	}
	w.begun = true
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.response(nil, min(w.start-1, w.hub.source.Revision())), nil
}

// take takes from the queue what fits a response. Called with mu held.
func (w *Watcher) take() *Response {
	n, size := 0, 0
	for n < len(w.queue) && (n == 0 || size+w.queue[n].bytes <= maxResponseBytes) {
		size += w.queue[n].bytes
		n++
	}
	head, rest := w.queue[0].split(maxResponseBytes)
	var batches []*batch
	if rest != nil {
		batches = []*batch{head}
		w.queue[0] = rest
	} else {
		batches = append(batches, w.queue[:n]...)
		w.queue = w.queue[:copy(w.queue, w.queue[n:])]
		clear(w.queue[len(w.queue) : len(w.queue)+n])
	}
	for _, b := range batches {
		w.queued -= len(b.events)
		w.bytes -= b.bytes
	}
	switch {
	case len(w.queue) > 0:
		return w.response(batches, batches[len(batches)-1].last())
	case w.abreast:
		return w.response(batches, w.told)
	default:
		// What came after the queue was full is still to be read.
		return w.response(batches, w.next-1)
	}
}

// catchUp reads on from the source, and goes back to the hub when nothing is left to read.
func (w *Watcher) catchUp(next int64) (*Response, error) {
	changes, upTo, err := w.hub.source.Changes(next, w.hub.opts.Chunk)
	if err != nil {
		return nil, err
	}
	found := w.group.events(changes)
	if found != nil {
		var rest *batch
		if found, rest = found.split(maxResponseBytes); rest != nil {
			upTo = found.last()
		}
	}
	w.mu.Lock()
	if upTo >= next {
		w.next = upTo + 1
	}
	if found != nil {
		defer w.mu.Unlock()
		return w.response([]*batch{found}, upTo), nil
	}
	w.mu.Unlock()
	if upTo < next {
		// Does nothing when something was told since the source was read; it is read again then.
		w.hub.join(w, next)
	}
	return nil, nil
}

// wait blocks until there is news or progress to tell.
func (w *Watcher) wait(told int64) (*Response, error) {
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
			return w.response(nil, w.told), nil
		}
	case <-w.ctx.Done():
		return nil, w.ctx.Err()
	case <-w.lost:
		return nil, ErrLost
	}
	return nil, nil
}

// response makes a response for those that are watching now. Called with mu held, in which what is told was found out:
// a watch that is merged afterwards is not told of it.
func (w *Watcher) response(batches []*batch, upTo int64) *Response {
	w.sent, w.lastSent = max(w.sent, upTo), time.Now()
	return &Response{IDs: w.watching(), Revision: w.sent, batches: batches}
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
