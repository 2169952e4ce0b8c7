package raftstore_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// tenant keeps a lease, with a key that goes with it, and looks whether the key is there while its time lasts.
type tenant struct {
	testing.TB
	store raftstore.Store
	looks int
}

const tenancy = 4 * time.Second

// run takes leases and keeps them until ctx ends.
func (n *tenant) run(ctx context.Context) {
	for ctx.Err() == nil {
		asked := time.Now()
		lease, err := n.store.LeaseGrant(ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(tenancy)})
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		_, err = n.store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("/tenant"), Value: []byte("here"), Lease: lease.Id}}}}})
		if err != nil {
			time.Sleep(tenancy) // It ends by itself.
			continue
		}
		n.keep(ctx, lease.Id, asked.Add(tenancy))
	}
}

// keep renews the lease until it is lost, which it must not be before until: the time that was promised, counted from before it was asked for.
func (n *tenant) keep(ctx context.Context, id int64, until time.Time) {
	for ctx.Err() == nil {
		time.Sleep(300 * time.Millisecond)
		asked := time.Now()
		res, err := n.store.LeaseKeepAlive(ctx, &storev1.LeaseKeepAliveRequest{Id: id})
		switch {
		case err == nil && res.Ttl.AsDuration() > 0:
			until = asked.Add(res.Ttl.AsDuration())
		case err == nil || errors.Is(err, raftstore.ErrLeaseNotFound):
			if left := time.Until(until); left > 0 {
				n.Errorf("the lease is gone %s before its time", left)
			}
			return
		}
		got, err := n.store.Range(ctx, &storev1.RangeRequest{Key: []byte("/tenant")})
		if err == nil && time.Now().Before(until) {
			n.looks++
			if len(got.Kvs) == 0 || got.Kvs[0].Lease != id {
				n.Errorf("the lease's key is gone %s before its time", time.Until(until))
			}
		}
	}
}

// leaseEnds waits until the lease that nobody keeps any more has ended, and its key with it.
func (s *simulation) leaseEnds(c *raftstore.Client) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		res, err := c.Range(ctx, &storev1.RangeRequest{Key: []byte("/tenant")})
		cancel()
		// One whose grant was never answered has no key.
		if err == nil && len(res.Kvs) == 0 && !slices.ContainsFunc(s.members, func(m *simMember) bool { return m.Leases() > 0 }) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("a lease of %s that nobody keeps is there after a minute: %v, %v", tenancy, res, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
