package watchcache

import (
	"context"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// readTimeout bounds one shared read of the store's revision.
const readTimeout = 10 * time.Second

// newest reads the store's revision, linearizably, for many callers at once: those who come while a read is
// under way share the next one, since the one under way may have begun before what they want to see.
type newest struct {
	store raftstore.Store

	mu   sync.Mutex
	busy bool
	next *revisionRead
}

type revisionRead struct {
	done     chan struct{}
	revision int64
	err      error
}

func (n *newest) read(ctx context.Context) (int64, error) {
	n.mu.Lock()
	if n.next == nil {
		n.next = &revisionRead{done: make(chan struct{})}
	}
	r := n.next
	if !n.busy {
		n.busy = true
		go n.run()
	}
	n.mu.Unlock()
	select {
	case <-r.done:
		return r.revision, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run reads for as long as there are callers; it ends with the last of them.
func (n *newest) run() {
	for {
		n.mu.Lock()
		r := n.next
		n.next = nil
		if r == nil {
			n.busy = false
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		r.revision, r.err = n.once()
		close(r.done)
	}
}

func (n *newest) once() (int64, error) {
	// The callers' contexts are not used: one that gives up must not fail the others.
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	resp, err := n.store.Range(ctx, &storev1.RangeRequest{Key: []byte(everything), CountOnly: true})
	if err != nil {
		return 0, err
	}
	return resp.GetRevision(), nil
}
