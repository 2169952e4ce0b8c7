package registry

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// expiryWindow is for how long writes share a lease: objects live up to that much longer than they must, and the
// store has few leases to look after.
const expiryWindow = time.Minute

// expiry gives objects of kinds that do not last an end, by leases of the store. It may be used concurrently.
type expiry struct {
	store raftstore.Store
	ttl   time.Duration
	now   func() time.Time

	mu     sync.Mutex
	lease  int64
	renews time.Time // when the next lease is due
}

// current is the lease for what is written now.
func (x *expiry) current(ctx context.Context) (int64, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	if x.lease != 0 && now.Before(x.renews) {
		return x.lease, nil
	}
	window := min(expiryWindow, x.ttl)
	resp, err := x.store.LeaseGrant(ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(x.ttl + window)})
	if err != nil {
		return 0, storeError(err)
	}
	x.lease, x.renews = resp.GetId(), now.Add(window)
	return x.lease, nil
}

// forget drops a lease that the store no longer knows, as after a restore.
func (x *expiry) forget(lease int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.lease == lease {
		x.lease = 0
	}
}

// put is the operation that writes an object of the kind; one that does not last is bound to a lease.
func (r *resource) put(ctx context.Context, key string, value []byte) (*storev1.Op, error) {
	op := &storev1.PutOp{Key: []byte(key), Value: value}
	if r.lifecycle.expires {
		lease, err := r.expiry.current(ctx)
		if err != nil {
			return nil, err
		}
		op.Lease = lease
	}
	return &storev1.Op{Op: &storev1.Op_Put{Put: op}}, nil
}
