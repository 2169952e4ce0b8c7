package raftstore

import "sync"

// halt is whether a state machine applies nothing any more, and why. A member that cannot apply what the others do stops, as it
// would differ from them if it went on. The zero value goes on.
type halt struct {
	mu   sync.Mutex
	why  error
	done chan struct{}
}

// stop ends applying. The first reason stays.
func (h *halt) stop(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == nil {
		h.why = why
		close(h.channel())
	}
}

// err gives why nothing is applied any more; nil while it is.
func (h *halt) err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// stopped is closed once nothing is applied any more.
func (h *halt) stopped() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.channel()
}

// channel is called with mu held.
func (h *halt) channel() chan struct{} {
	if h.done == nil {
		h.done = make(chan struct{})
	}
	return h.done
}
