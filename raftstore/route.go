package raftstore

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

// forwardedKey marks calls that a member passed on, which are never passed on again.
const forwardedKey = "kaji-store-forwarded"

// retryPause is how long a request waits before it looks for a leader again, unless it hears of one.
const retryPause = 50 * time.Millisecond

// route carries out a request that only the leader can: by local here, or by remote on the leader. While there is
// no leader it waits. A request is tried again only when it was certainly not carried out.
func route[R any](ctx context.Context, m *Member, local func() (R, error), remote func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	return routeVia(ctx, m, local, func(address string) (R, error) { return forward(ctx, m, address, true, remote) })
}

// routeRead is route for requests that change nothing, which can be tried again at any time.
func routeRead[R any](ctx context.Context, m *Member, local func() (R, error), remote func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	return routeVia(ctx, m, local, func(address string) (R, error) { return forward(ctx, m, address, false, remote) })
}

// routeVia is route, by any way to the leader at an address.
func routeVia[R any](ctx context.Context, m *Member, local func() (R, error), remote func(address string) (R, error)) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	var patience <-chan time.Time
	last := error(errNotLeader)
	for {
		changed := m.leaderChanged.next()
		if m.leading() {
			r, err := local()
			if !errors.Is(err, ErrUnavailable) {
				return r, err
			}
			last = err
		} else if isForwarded(ctx) {
			return none, errNotLeader
		} else if address := m.leaderAddress(); address != "" {
			r, err := remote(address)
			if !errors.Is(err, ErrUnavailable) {
				return r, err
			}
			last = err
		}
		if isForwarded(ctx) {
			return none, last
		}
		if patience == nil {
			timer := time.NewTimer(m.cfg.LeaderWait)
			defer timer.Stop()
			patience = timer.C
		}
		pause := time.NewTimer(retryPause)
		select {
		case <-changed:
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return none, ctx.Err()
		case <-m.closing:
			pause.Stop()
			return none, &Error{Reason: Unavailable, Message: "this member is shutting down"}
		case <-patience:
			pause.Stop()
			why := last.Error()
			if err := m.keeper.failing(); err != nil {
				why += "; this member cannot write its log: " + err.Error()
			}
			return none, &Error{Reason: Unavailable, Message: "no leader was found in " + m.cfg.LeaderWait.String() + ": " + why}
		}
		pause.Stop()
	}
}

// forward has the leader carry out a request. When the leader changes meanwhile, the call is given up:
// a leader that hangs would keep it for ever.
func forward[R any](ctx context.Context, m *Member, address string, write bool, remote func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	var none R
	conn, err := m.peers.get(address)
	if err != nil {
		return none, &Error{Reason: Unavailable, Message: err.Error()}
	}
	callCtx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, forwardedKey, m.cfg.ID))
	defer cancel()
	callCtx, sent := watchSending(callCtx)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			changed := m.leaderChanged.next()
			if m.leaderAddress() != address {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}()
	r, err := remote(callCtx, storev1.NewStoreServiceClient(conn))
	return r, fromStatus(ctx, err, sent.Load(), write)
}

// deposed tells when the leader is not at an address any more.
func (m *Member) deposed(address string) gone {
	return func() (<-chan struct{}, bool) {
		changed := m.leaderChanged.next()
		return changed, m.leaderAddress() != address
	}
}

func isForwarded(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	return len(md.Get(forwardedKey)) > 0
}

// Range implements Store.
func (m *Member) Range(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	if err := mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd()); err != nil {
		return nil, err
	}
	if req.Serializable || req.MaxStaleness != nil || mutant.StaleReads || (largeRange(req) && !m.leading()) {
		view, err := m.readView(ctx, req)
		if err != nil {
			return nil, err
		}
		return view.Range(req)
	}
	return routeVia(ctx, m, func() (*storev1.RangeResponse, error) {
		if err := m.reads.confirm(ctx, 1); err != nil {
			return nil, err
		}
		return m.state.View().Range(req)
	}, func(leader string) (*storev1.RangeResponse, error) {
		r, err := m.exchanges.get(ctx, leader, req, 0, m.deposed(leader))
		if !errors.Is(err, errUnary) {
			return r, err
		}
		return forward(ctx, m, leader, false, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.RangeResponse, error) {
			return c.Range(ctx, req)
		})
	})
}

// Txn implements Store.
func (m *Member) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	if err := mvcc.ValidateTxn(req); err != nil {
		return nil, err
	}
	return routeVia(ctx, m, func() (*storev1.TxnResponse, error) {
		if err := m.checkQuota(req); err != nil {
			return nil, err
		}
		r, err := m.proposals.propose(ctx, &storev1.Command{Command: &storev1.Command_Txn{Txn: req}})
		return r.Txn, err
	}, func(leader string) (*storev1.TxnResponse, error) {
		r, err := m.exchanges.txn(ctx, leader, req, m.deposed(leader))
		if !errors.Is(err, errUnary) {
			return r, err
		}
		return forward(ctx, m, leader, true, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.TxnResponse, error) {
			return c.Txn(ctx, req)
		})
	})
}

// Watch implements Store. The watch is served from what this member has applied; one that begins now
// begins after all that had been acknowledged when it was asked for.
func (m *Member) Watch(ctx context.Context, req *storev1.WatchRequest) (Watcher, error) {
	req, err := m.watchFrom(ctx, req)
	if err != nil {
		return nil, err
	}
	return m.hub.Watch(ctx, req)
}

// watchFrom gives a request that says from where to watch.
func (m *Member) watchFrom(ctx context.Context, req *storev1.WatchRequest) (*storev1.WatchRequest, error) {
	if err := mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd()); err != nil {
		return nil, err
	}
	if req.StartRevision > 0 {
		return req, nil
	}
	rev, err := m.acknowledged(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.waitRevision(ctx, rev); err != nil {
		return nil, err
	}
	from := proto.CloneOf(req)
	from.StartRevision = rev + 1
	return from, nil
}

// acknowledged gives a revision that is not before any that had been acknowledged when it was called.
func (m *Member) acknowledged(ctx context.Context) (int64, error) {
	res, err := m.Range(ctx, &storev1.RangeRequest{Key: []byte{0}, CountOnly: true})
	return res.GetRevision(), err
}

// waitRevision waits until this member has applied a revision.
func (m *Member) waitRevision(ctx context.Context, rev int64) error {
	for {
		woken := m.applied.next()
		if m.state.Revision() >= rev {
			return nil
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return ctx.Err()
		case <-m.closing:
			return &Error{Reason: Unavailable, Message: "this member is shutting down"}
		}
	}
}
