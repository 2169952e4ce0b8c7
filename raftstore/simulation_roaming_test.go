package raftstore_test

import (
	"context"
	"sync"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// roaming asks the member that is at some place in the list of members now: the first, the last. Who is replaced, is replaced for it too.
type roaming struct {
	raftstore.Store
	at      func() string
	connect raftstore.Connect
	mu      sync.Mutex
	address string
	// clients are all that it asked by, the last one now.
	clients []*raftstore.Client
}

// roaming gives a client that asks one member only, at a place counted from the first, or from the last as -1.
func (s *simulation) roaming(name string, place int) *roaming {
	return &roaming{connect: s.net.join(name).connect, at: func() string {
		where := *s.where.Load()
		return where[(place+len(where))%len(where)]
	}}
}

// publish tells who is where to those that roam.
func (s *simulation) publish() {
	var where []string
	for _, m := range s.members {
		where = append(where, m.address)
	}
	s.where.Store(&where)
}

func (r *roaming) now() *raftstore.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if address := r.at(); address != r.address {
		// The one before may be in use yet.
		r.address, r.clients = address, append(r.clients, raftstore.NewSimulatedPinned(r.connect, address))
	}
	return r.clients[len(r.clients)-1]
}

// Close ends all its clients.
func (r *roaming) Close() {
	for _, c := range r.clients {
		c.Close()
	}
}

// Range implements Store.
func (r *roaming) Range(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	return r.now().Range(ctx, req)
}

// Txn implements Store.
func (r *roaming) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	return r.now().Txn(ctx, req)
}

// Watch implements Store.
func (r *roaming) Watch(ctx context.Context, req *storev1.WatchRequest) (raftstore.Watcher, error) {
	return r.now().Watch(ctx, req)
}
