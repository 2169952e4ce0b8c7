package raftstore

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// exchanges are the exchanges with all members.
type exchanges struct {
	peers connections
	// member is the id of the member whose exchanges they are; empty for a client.
	member  string
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	byAddress map[string]*exchange
}

func newExchanges(peers connections, member string) *exchanges {
	e := &exchanges{peers: peers, member: member, byAddress: map[string]*exchange{}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if member != "" {
		e.ctx = metadata.AppendToOutgoingContext(e.ctx, forwardedKey, member)
	}
	return e
}

// with gives the exchange with an address.
func (e *exchanges) with(address string) (*exchange, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x := e.byAddress[address]; x != nil {
		return x, nil
	}
	conn, err := e.peers.get(address)
	if err == nil {
		err = e.ctx.Err()
	}
	if err != nil {
		return nil, &Error{Reason: Unavailable, Message: err.Error()}
	}
	x := &exchange{conn: conn, ctx: e.ctx, wake: make(chan struct{}, 1)}
	e.byAddress[address] = x
	e.running.Go(func() { x.run(&e.running) })
	return x, nil
}

// close ends all exchanges.
func (e *exchanges) close() {
	e.mu.Lock()
	e.cancel() // Under mu, so that none begins any more.
	e.mu.Unlock()
	e.running.Wait()
}

// txn has a member carry out a transaction. errUnary when it has to be a call of its own.
func (e *exchanges) txn(ctx context.Context, address string, req *storev1.TxnRequest, leader gone) (*storev1.TxnResponse, error) {
	if !sharesExchange(req) {
		return nil, errUnary
	}
	res := &storev1.TxnResponse{}
	if err := e.call(ctx, address, fieldTxn, fieldTxn, req, res, 0, leader); err != nil {
		return nil, err
	}
	return res, nil
}

// get has a member read a key, and bounds the wait for it.
func (e *exchanges) get(ctx context.Context, address string, req *storev1.RangeRequest, patience time.Duration, leader gone) (*storev1.RangeResponse, error) {
	if len(req.GetRangeEnd()) > 0 {
		return nil, errUnary
	}
	res := &storev1.RangeResponse{}
	if err := e.call(ctx, address, fieldRange, fieldRange, req, res, patience, leader); err != nil {
		return nil, err
	}
	return res, nil
}

// term asks a member for its term.
func (e *exchanges) term(ctx context.Context, address string) (uint64, error) {
	res := &storev1.ConfirmTermResponse{}
	err := e.call(ctx, address, fieldConfirm, fieldTerm, &storev1.ConfirmTermRequest{}, res, 0, neverGone)
	return res.Term, err
}

// sharesExchange tells whether a transaction is small, and its answer as well.
func sharesExchange(req *storev1.TxnRequest) bool {
	if max(len(req.Success), len(req.Failure)) > exchangeOps {
		return false
	}
	for _, ops := range [][]*storev1.Op{req.Success, req.Failure} {
		for _, op := range ops {
			if len(op.GetRange().GetRangeEnd()) > 0 || len(op.GetDelete().GetRangeEnd()) > 0 {
				return false
			}
		}
	}
	return true
}

// call sends a request by the exchange with an address and decodes its answer, which has to be of the kind want.
func (e *exchanges) call(ctx context.Context, address string, kind, want protowire.Number, req, res proto.Message, patience time.Duration, leader gone) error {
	x, err := e.with(address)
	if err != nil {
		return err
	}
	var timeout time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	body, err := callBody(kind, req, timeout)
	if err != nil || len(body) > exchangeCallBytes {
		return errUnary // Where gRPC says what is wrong with it.
	}
	write := kind == fieldTxn
	a, err := x.do(ctx, &exchangeCall{body: body}, write, patience, leader)
	if err != nil {
		return err
	}
	switch a.kind {
	case want:
		if err := proto.Unmarshal(a.result, res); err != nil {
			return fromStatus(ctx, status.Error(codes.Internal, err.Error()), true, write)
		}
		return nil
	case fieldFailure:
		var f storev1.ExchangeFailure
		if err := proto.Unmarshal(a.result, &f); err != nil {
			return fromStatus(ctx, status.Error(codes.Internal, err.Error()), true, write)
		}
		return fromStatus(ctx, failureFrom(&f), true, write)
	case fieldLarge:
		if !write {
			return errUnary
		}
	}
	return fromStatus(ctx, status.Error(codes.Internal, "the member's answer is of a kind that this version does not know"), true, write)
}
