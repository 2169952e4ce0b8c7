package raftstore

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
	"kaji.dev/kaji/raftstore/watch"
)

// Memory is the state machine behind the Store interface, without Raft, disk or network. It is for
// tests of what stands on a Store. It needs no closing.
type Memory struct {
	state *mvcc.State
	hub   *watch.Hub
	// write orders transactions and the end of leases.
	write  sync.Mutex
	leases map[int64]*memoryLease
}

type memoryLease struct {
	timer *time.Timer
	ttl   time.Duration
	ends  time.Time
}

var _ Store = (*Memory)(nil)

// NewMemory gives an empty store.
func NewMemory() *Memory {
	state := mvcc.New()
	return &Memory{state: state, hub: watch.NewHub(state, watch.Options{}), leases: map[int64]*memoryLease{}}
}

// Range implements Store.
func (m *Memory) Range(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := validateStaleness(req); err != nil {
		return nil, err
	}
	return m.state.View().Range(req)
}

// RangeStream implements Store.
func (m *Memory) RangeStream(ctx context.Context, req *storev1.RangeRequest) iter.Seq2[*storev1.RangeResponse, error] {
	return func(yield func(*storev1.RangeResponse, error) bool) {
		err := ctx.Err()
		if err == nil {
			err = mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd())
		}
		if err == nil {
			err = validateStaleness(req)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		streamView(ctx, m.state.View(), req)(yield)
	}
}

// Txn implements Store.
func (m *Memory) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	r, err := m.apply(ctx, &storev1.Command{Command: &storev1.Command_Txn{Txn: proto.CloneOf(req)}})
	return r.Txn, err
}

// Compact implements Store.
func (m *Memory) Compact(ctx context.Context, req *storev1.CompactRequest) (*storev1.CompactResponse, error) {
	r, err := m.apply(ctx, &storev1.Command{Command: &storev1.Command_Compact{Compact: proto.CloneOf(req)}})
	for m.state.Free(freeChunk) {
	}
	return r.Compact, err
}

// Watch implements Store.
func (m *Memory) Watch(ctx context.Context, req *storev1.WatchRequest) (Watcher, error) {
	return m.hub.Watch(ctx, req)
}

// LeaseGrant implements Store.
func (m *Memory) LeaseGrant(ctx context.Context, req *storev1.LeaseGrantRequest) (*storev1.LeaseGrantResponse, error) {
	req = &storev1.LeaseGrantRequest{Ttl: req.GetTtl(), Id: req.GetId()}
	if req.Id == 0 {
		req.Id = rand.Int64N(1<<62) + 1
	}
	m.write.Lock()
	defer m.write.Unlock()
	r, err := m.applyLocked(ctx, &storev1.Command{Command: &storev1.Command_LeaseGrant{LeaseGrant: req}})
	if err != nil {
		return nil, err
	}
	ttl := req.Ttl.AsDuration()
	m.leases[req.Id] = &memoryLease{ttl: ttl, ends: time.Now().Add(ttl), timer: time.AfterFunc(ttl, func() { m.expire(req.Id) })}
	return r.LeaseGrant, nil
}

// LeaseRevoke implements Store.
func (m *Memory) LeaseRevoke(ctx context.Context, req *storev1.LeaseRevokeRequest) (*storev1.LeaseRevokeResponse, error) {
	m.write.Lock()
	defer m.write.Unlock()
	return m.revoke(ctx, req.GetId())
}

// LeaseKeepAlive implements Store.
func (m *Memory) LeaseKeepAlive(ctx context.Context, req *storev1.LeaseKeepAliveRequest) (*storev1.LeaseKeepAliveResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.write.Lock()
	defer m.write.Unlock()
	res := &storev1.LeaseKeepAliveResponse{Id: req.GetId(), Ttl: &durationpb.Duration{}}
	if l := m.leases[req.GetId()]; l != nil {
		l.ends = time.Now().Add(l.ttl)
		l.timer.Reset(l.ttl)
		res.Ttl = durationpb.New(l.ttl)
	}
	return res, nil
}

// Status implements Store.
func (m *Memory) Status(ctx context.Context, _ *storev1.StatusRequest) (*storev1.StatusResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := m.state.Stats()
	return &storev1.StatusResponse{
		MemberId: "memory", LeaderId: "memory", State: "Leader",
		Revision: s.Revision, CompactRevision: s.Compacted, Keys: s.Keys, Bytes: s.Bytes,
		Members: []*storev1.Member{{Id: "memory", Voter: true}},
		Format:  uint32(s.Format), OldestFormat: uint32(mvcc.OldestFormat), NewestFormat: uint32(mvcc.NewestFormat),
	}, nil
}

func (m *Memory) apply(ctx context.Context, c *storev1.Command) (mvcc.Result, error) {
	m.write.Lock()
	defer m.write.Unlock()
	return m.applyLocked(ctx, c)
}

func (m *Memory) applyLocked(ctx context.Context, c *storev1.Command) (mvcc.Result, error) {
	if err := ctx.Err(); err != nil {
		return mvcc.Result{}, err
	}
	r := m.state.Apply([]*storev1.Command{c})[0]
	m.hub.Dispatch()
	return r, r.Err
}

func (m *Memory) revoke(ctx context.Context, id int64) (*storev1.LeaseRevokeResponse, error) {
	r, err := m.applyLocked(ctx, &storev1.Command{
		Command: &storev1.Command_LeaseRevoke{LeaseRevoke: &storev1.LeaseRevokeRequest{Id: id}},
	})
	if err != nil {
		return nil, err
	}
	if l := m.leases[id]; l != nil {
		l.timer.Stop()
		delete(m.leases, id)
	}
	return r.LeaseRevoke, nil
}

// expire ends a lease whose time is up, unless it was renewed while the timer fired.
func (m *Memory) expire(id int64) {
	m.write.Lock()
	defer m.write.Unlock()
	if l := m.leases[id]; l != nil && !time.Now().Before(l.ends) {
		_, _ = m.revoke(context.Background(), id) // Only fails when the lease is gone already.
	}
}
