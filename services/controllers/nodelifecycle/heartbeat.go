package nodelifecycle

import (
	"sync"
	"time"

	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
)

// heartbeats notes when each node's Lease last changed, by this process' own clock: clocks of nodes may be off, and a
// Lease that was old when this leader began says nothing of the node yet.
type heartbeats struct {
	mu   sync.Mutex
	seen map[string]beat
}

type beat struct {
	renewed int64 // the node's own renew time, nanoseconds
	at      time.Time
}

func newHeartbeats() *heartbeats { return &heartbeats{seen: map[string]beat{}} }

// note takes a Lease (nil when there is none) and returns when the node was last heard of.
func (h *heartbeats) note(node string, lease *coordinationv1.Lease, now time.Time) time.Time {
	var renewed int64
	if t := lease.GetSpec().GetRenewTime(); t != nil {
		renewed = t.AsTime().UnixNano()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b, known := h.seen[node]
	if !known || b.renewed != renewed {
		b = beat{renewed, now}
		h.seen[node] = b
	}
	return b.at
}

func (h *heartbeats) forget(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.seen, node)
}
