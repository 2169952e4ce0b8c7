package raftstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

// leaseTick is how often the leader looks for leases that have run out.
const leaseTick = 200 * time.Millisecond

// leaseClock counts the time of leases, on the leader alone. A new leader gives every lease its whole time
// again, so that an election ends none early.
type leaseClock struct {
	member *Member
	mu     sync.Mutex
	// leases is nil on members that do not lead.
	leases map[int64]*leaseTime
}

type leaseTime struct {
	ttl  time.Duration
	ends time.Time
	// ending: its revocation is proposed, it cannot be renewed any more.
	ending bool
}

// lead begins to count. The leases are read under mu: one that is granted meanwhile is either among them, or
// told by granted afterwards.
func (c *leaseClock) lead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begin()
}

// restored begins anew after the state was replaced by a copy.
func (c *leaseClock) restored() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leases != nil {
		c.begin()
	}
}

// begin is called with mu held.
func (c *leaseClock) begin() {
	leases := c.member.state.Leases()
	c.leases = make(map[int64]*leaseTime, len(leases))
	now := time.Now()
	for _, l := range leases {
		left := l.TTL
		if mutant.ShortLeases {
			left /= 2
		}
		c.leases[l.ID] = &leaseTime{ttl: l.TTL, ends: now.Add(left)}
	}
}

func (c *leaseClock) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases = nil
}

// granted is called as a grant is applied.
func (c *leaseClock) granted(id int64, ttl time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leases != nil {
		c.leases[id] = &leaseTime{ttl: ttl, ends: time.Now().Add(ttl)}
	}
}

// renew gives a lease its whole time again; zero when the lease is gone or going.
func (c *leaseClock) renew(id int64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[id]
	if l == nil || l.ending {
		return 0
	}
	l.ends = time.Now().Add(l.ttl)
	return l.ttl
}

// expire revokes the leases whose time is up.
func (c *leaseClock) expire(ctx context.Context) {
	now := time.Now()
	var due []int64
	c.mu.Lock()
	for id, l := range c.leases {
		if !l.ending && now.After(l.ends) {
			l.ending = true
			due = append(due, id)
		}
	}
	c.mu.Unlock()
	var wg sync.WaitGroup
	for _, id := range due {
		wg.Go(func() {
			_, err := c.member.proposals.propose(ctx, revokeLease(id))
			c.settle(id, err)
		})
	}
	wg.Wait()
}

// settle forgets a lease that is revoked, and lets one whose revocation failed be tried again.
func (c *leaseClock) settle(id int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leases[id]
	switch {
	case l == nil:
	case err == nil || errors.Is(err, ErrLeaseNotFound):
		delete(c.leases, id)
	default:
		l.ending = false
	}
}

func revokeLease(id int64) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_LeaseRevoke{LeaseRevoke: &storev1.LeaseRevokeRequest{Id: id}}}
}

// LeaseGrant implements Store.
func (m *Member) LeaseGrant(ctx context.Context, req *storev1.LeaseGrantRequest) (*storev1.LeaseGrantResponse, error) {
	if err := mvcc.ValidateLeaseGrant(req); err != nil {
		return nil, err
	}
	return route(ctx, m, func() (*storev1.LeaseGrantResponse, error) {
		if err := m.checkGrant(); err != nil {
			return nil, err
		}
		id := req.Id
		if id == 0 {
			id = rand.Int64N(1<<62) + 1
		}
		r, err := m.proposals.propose(ctx, &storev1.Command{Command: &storev1.Command_LeaseGrant{
			LeaseGrant: &storev1.LeaseGrantRequest{Id: id, Ttl: req.Ttl},
		}})
		return r.LeaseGrant, err
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.LeaseGrantResponse, error) {
		return c.LeaseGrant(ctx, req)
	})
}

// LeaseRevoke implements Store.
func (m *Member) LeaseRevoke(ctx context.Context, req *storev1.LeaseRevokeRequest) (*storev1.LeaseRevokeResponse, error) {
	return route(ctx, m, func() (*storev1.LeaseRevokeResponse, error) {
		r, err := m.proposals.propose(ctx, revokeLease(req.GetId()))
		if err == nil {
			m.leases.settle(req.Id, nil)
		}
		return r.LeaseRevoke, err
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.LeaseRevokeResponse, error) {
		return c.LeaseRevoke(ctx, req)
	})
}

// LeaseKeepAlive implements Store. Only a leader that has proved itself renews: one that was deposed
// unawares would promise time that the next does not know of.
func (m *Member) LeaseKeepAlive(ctx context.Context, req *storev1.LeaseKeepAliveRequest) (*storev1.LeaseKeepAliveResponse, error) {
	return route(ctx, m, func() (*storev1.LeaseKeepAliveResponse, error) {
		ttl := m.leases.renew(req.GetId())
		if err := m.reads.confirm(ctx, 1); err != nil {
			return nil, err
		}
		if _, there := m.state.LeaseTTL(req.GetId()); !there {
			ttl = 0
		}
		return &storev1.LeaseKeepAliveResponse{Id: req.GetId(), Ttl: durationpb.New(ttl)}, nil
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.LeaseKeepAliveResponse, error) {
		return keepAliveOnce(ctx, c, req)
	})
}

// keepAliveOnce renews a lease by a stream that carries one renewal.
func keepAliveOnce(ctx context.Context, c storev1.StoreServiceClient, req *storev1.LeaseKeepAliveRequest) (*storev1.LeaseKeepAliveResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.LeaseKeepAlive(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(req); err != nil {
		// The reason is in what the stream ends with.
		return stream.Recv()
	}
	return stream.Recv()
}
