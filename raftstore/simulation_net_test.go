package raftstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
)

var (
	errLost    = errors.New("simulated: no answer in time")
	errRefused = errors.New("simulated: connection refused")
	errBroken  = errors.New("simulated: connection broken")
)

// simNet is the network between simulated members and clients. Each message has its own delay, so messages overtake each other; it may
// be lost, or arrive twice; and ways can be cut, in one direction or both.
type simNet struct {
	mu    sync.Mutex
	rnd   *rand.Rand
	hosts map[string]*simHost
	cut   map[way]bool
	// slow is the longest delay, loss and twice are the chances of a message in a thousand.
	slow        time.Duration
	loss, twice int
}

// way is from one address to another.
type way struct{ from, to string }

// simHost is one life of a process at an address: who comes after a crash is another.
type simHost struct {
	net     *simNet
	address string
	raft    *simTransport
	// services are what it serves; nil on clients.
	services map[*grpc.ServiceDesc]any
	// alive ends when the process does.
	alive context.Context
	die   context.CancelFunc
	// frozen holds up everything that goes in and out until it is closed; nil when it runs.
	frozen chan struct{}
}

func newSimNet(rnd *rand.Rand) *simNet {
	return &simNet{rnd: rnd, hosts: map[string]*simHost{}, cut: map[way]bool{}, slow: 2 * time.Millisecond}
}

// join puts a new process at an address.
func (n *simNet) join(address string) *simHost {
	h := &simHost{net: n, address: address}
	h.alive, h.die = context.WithCancel(context.Background())
	h.raft = newSimTransport(h)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[address] = h
	return h
}

// serve lets others in.
func (h *simHost) serve(services map[*grpc.ServiceDesc]any) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.services = services
}

// crash ends a process at once: nothing more comes out of it, and whoever was connected notices.
func (h *simHost) crash() {
	h.thaw()
	h.die()
}

func (h *simHost) freeze() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.frozen == nil {
		h.frozen = make(chan struct{})
	}
}

func (h *simHost) thaw() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.frozen != nil {
		close(h.frozen)
		h.frozen = nil
	}
}

// find gives the process at an address, if one runs there.
func (n *simNet) find(address string) *simHost {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[address]
	if h == nil || h.alive.Err() != nil {
		return nil
	}
	return h
}

// divide cuts all ways between two groups.
func (n *simNet) divide(one, other []string) {
	for _, a := range one {
		for _, b := range other {
			n.cutWay(a, b)
			n.cutWay(b, a)
		}
	}
}

func (n *simNet) cutWay(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[way{from, to}] = true
}

// heal mends all ways.
func (n *simNet) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = map[way]bool{}
}

func (n *simNet) weather(slow time.Duration, loss, twice int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow, n.loss, n.twice = slow, loss, twice
}

// chance is true so many times in a thousand.
func (n *simNet) chance(perMille int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rnd.IntN(1000) < perMille
}

func (n *simNet) repeats() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rnd.IntN(1000) < n.twice
}

// travel carries a message from one process to another, and tells whether it got there: whether, at the moment of its arrival, the way
// was open and both lived. ctx ends the wait.
func (n *simNet) travel(ctx context.Context, from, to *simHost, reliable bool) bool {
	for _, h := range []*simHost{from, to} {
		n.mu.Lock()
		frozen := h.frozen
		delay := time.Duration(n.rnd.Int64N(int64(n.slow))) + 50*time.Microsecond
		n.mu.Unlock()
		if frozen != nil {
			select {
			case <-frozen:
			case <-ctx.Done():
				return false
			case <-to.alive.Done():
				return false
			}
		}
		if h == from {
			timer := time.NewTimer(delay)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return false
			}
		}
	}
	if from.alive.Err() != nil || to.alive.Err() != nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.cut[way{from.address, to.address}] && (reliable || n.rnd.IntN(1000) >= n.loss)
}
