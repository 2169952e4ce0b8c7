package queue

import (
	"container/heap"
	"maps"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/services/scheduler/framework"
)

// State is where a pod stands.
type State int

// States.
const (
	// Unknown: the queue does not have the pod.
	Unknown State = iota
	// Active: waits for its turn.
	Active
	// Backoff: failed, and waits for its back-off to end.
	Backoff
	// Unschedulable: no node fits, and nothing has happened that could help.
	Unschedulable
	// Gated: must not be tried yet.
	Gated
	// Trying: popped, and being decided about.
	Trying
	// Binding: has a node; the API server is being told.
	Binding
	states
)

// String is the state's name in metrics.
func (s State) String() string {
	return [...]string{"unknown", "active", "backoff", "unschedulable", "gated", "trying", "binding"}[s]
}

// entry is a pod with its history. Its state is changed by Queue.enter and Queue.leave only.
type entry struct {
	pod        *framework.PodInfo
	state      State
	index      int // in its heap; -1 outside
	attempts   int
	queued     time.Time // when it last became active
	seq        uint64
	since      time.Time // when it was added or last handed back
	readyAt    time.Time // end of its back-off
	rejectedBy []string
	gate       *framework.Status
	popped     uint64 // number of the first event after it was popped
	changed    bool   // spec or labels changed while it was tried or bound
}

// enter puts an entry that is nowhere into a state.
func (q *Queue) enter(e *entry, s State) {
	e.state = s
	q.counts[s]++
	switch s {
	case Active:
		heap.Push(&q.active, e)
		q.signal()
	case Backoff:
		heap.Push(&q.backoff, e)
		q.signal()
	case Unschedulable:
		for _, plugin := range e.rejectedBy {
			if q.rejected[plugin] == nil {
				q.rejected[plugin] = map[*entry]struct{}{}
			}
			q.rejected[plugin][e] = struct{}{}
		}
	case Trying:
		e.popped = q.first + uint64(len(q.events))
		q.trying[e] = struct{}{}
	}
}

// leave takes an entry out of its state.
func (q *Queue) leave(e *entry) {
	q.counts[e.state]--
	switch e.state {
	case Active:
		heap.Remove(&q.active, e.index)
	case Backoff:
		heap.Remove(&q.backoff, e.index)
	case Unschedulable:
		for _, plugin := range e.rejectedBy {
			delete(q.rejected[plugin], e)
		}
	case Trying:
		delete(q.trying, e)
		q.trimEvents()
	}
	e.state = Unknown
}

// trimEvents drops the events that happened before all pods that are being tried were popped.
func (q *Queue) trimEvents() {
	end := q.first + uint64(len(q.events))
	oldest := end
	for e := range q.trying {
		oldest = min(oldest, e.popped)
	}
	if oldest == end {
		clear(q.events)
		q.events = q.events[:0]
	} else {
		q.events = append([]*framework.Change(nil), q.events[oldest-q.first:]...)
	}
	q.first = oldest
}

// specChanged tells whether a pod changed in a way that a decision about it could depend on.
func specChanged(old, new *framework.PodInfo) bool {
	return !maps.Equal(old.Labels, new.Labels) || !proto.Equal(old.Pod.GetSpec(), new.Pod.GetSpec())
}

// entryHeap is a heap of entries that know their place.
type entryHeap struct {
	list []*entry
	less func(a, b *entry) bool
}

func byPriority(a, b *entry) bool {
	if pa, pb := a.pod.Priority(), b.pod.Priority(); pa != pb {
		return pa > pb
	}
	if !a.queued.Equal(b.queued) {
		return a.queued.Before(b.queued)
	}
	return a.seq < b.seq
}

func byReadyAt(a, b *entry) bool { return a.readyAt.Before(b.readyAt) }

func (h *entryHeap) Len() int           { return len(h.list) }
func (h *entryHeap) Less(i, j int) bool { return h.less(h.list[i], h.list[j]) }
func (h *entryHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].index, h.list[j].index = i, j
}

// Push implements heap.Interface.
func (h *entryHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(h.list)
	h.list = append(h.list, e)
}

// Pop implements heap.Interface.
func (h *entryHeap) Pop() any {
	last := len(h.list) - 1
	e := h.list[last]
	h.list[last] = nil
	h.list = h.list[:last]
	e.index = -1
	return e
}
