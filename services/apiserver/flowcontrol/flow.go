package flowcontrol

import "container/heap"

// flow is what one identity does in one level. It is there for as long as calls of it wait or are carried out.
type flow struct {
	name  string
	used  int // seats
	queue []*request
	// turn is when the flow is next among those that use as many seats: the sum of the seats it was given, never less than
	// that of the flow served last, so that one that comes back has nothing saved up.
	turn uint64
	at   int // place in the level's heap; -1 when nothing waits
}

// maxSpare is how many flows are kept to be used again.
const maxSpare = 64

// flow finds or makes the flow of that name.
func (l *level) flow(name string) *flow {
	if f := l.flows[name]; f != nil {
		return f
	}
	var f *flow
	if n := len(l.spare); n > 0 {
		f, l.spare = l.spare[n-1], l.spare[:n-1]
		*f = flow{queue: f.queue[:0]}
	} else {
		f = &flow{}
	}
	f.name, f.turn, f.at = name, l.virtual, -1
	l.flows[name] = f
	return f
}

// release forgets a flow that has nothing to do.
func (l *level) release(f *flow) {
	if f.used > 0 || len(f.queue) > 0 {
		return
	}
	delete(l.flows, f.name)
	if len(l.spare) < maxSpare {
		l.spare = append(l.spare, f)
	}
}

// flows is a heap of those that wait: first the one that uses the fewest seats, then the one whose turn came first.
type flows []*flow

// Len implements heap.Interface.
func (h flows) Len() int { return len(h) }

// Less implements heap.Interface.
func (h flows) Less(i, j int) bool {
	a, b := h[i], h[j]
	switch {
	case a.used != b.used:
		return a.used < b.used
	case a.turn != b.turn:
		return a.turn < b.turn
	}
	return a.queue[0].order < b.queue[0].order
}

// Swap implements heap.Interface.
func (h flows) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *flows) Push(x any) {
	f := x.(*flow)
	f.at = len(*h)
	*h = append(*h, f)
}

// Pop implements heap.Interface.
func (h *flows) Pop() any {
	last := len(*h) - 1
	f := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	f.at = -1
	return f
}

// update puts a flow where it belongs after it changed.
func (h *flows) update(f *flow) {
	switch {
	case len(f.queue) == 0 && f.at >= 0:
		// Less looks at what waits; the flow leaves by its place alone.
		last := len(*h) - 1
		at := f.at
		if at != last {
			h.Swap(at, last)
		}
		h.Pop()
		if at < last {
			heap.Fix(h, at)
		}
	case len(f.queue) > 0 && f.at < 0:
		heap.Push(h, f)
	case f.at >= 0:
		heap.Fix(h, f.at)
	}
}
