package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

const (
	// servedCalls and servedBytes bound what one stream has under way; beyond them nothing more is read from it.
	servedCalls = 16 << 10
	servedBytes = 64 << 20
	// smallAnswer is the largest answer to a range that goes before those of others.
	smallAnswer = 64 << 10
	// answerBytes ends a message of answers. A single larger one still goes.
	answerBytes = 256 << 10
	// callTimeout bounds a call that comes without a deadline.
	callTimeout = time.Minute
	// methodTxn and methodRange are what metrics call them.
	methodTxn   = "Txn"
	methodRange = "Range"
	// methodConfirm is asked by leaders.
	methodConfirm = "ConfirmTerm"
)

// Exchange carries calls of many callers.
func (s *service) Exchange(stream storev1.StoreService_ExchangeServer) error {
	x := &exchangeServer{member: s.Member, stream: stream, ctx: stream.Context()}
	x.changed = sync.NewCond(&x.mu)
	return x.serve()
}

// exchangeServer serves one stream. The calls of one message are carried out together: their transactions are proposed as one, their reads share a
// look at who leads.
type exchangeServer struct {
	member *Member
	stream grpc.ServerStream
	ctx    context.Context
	// running are the calls under way, and who waits for the end.
	running sync.WaitGroup

	mu sync.Mutex
	// changed tells that calls have ended, or answers have gone.
	changed *sync.Cond
	// calls and bytes are under way; last is the id of the last call taken.
	calls, bytes int
	last         uint64
	// refused: no more calls are taken.
	refused bool
	// out are answers to be sent, by whoever finds that nobody is sending.
	out      [][]byte
	outBytes int
	sending  bool
	// failed: the stream has broken, so that answers have nowhere to go.
	failed bool
}

// serve carries out calls until the caller closes the stream or it breaks.
func (x *exchangeServer) serve() error {
	ended := make(chan struct{})
	x.running.Go(func() {
		select {
		case <-x.member.draining:
			x.refuse()
		case <-ended:
		}
	})
	err := x.receive()
	close(ended)
	x.running.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// receive takes calls and has them carried out.
func (x *exchangeServer) receive() error {
	for {
		var message raw
		if err := x.stream.RecvMsg(&message); err != nil {
			return err
		}
		calls, err := parseCalls(message.bytes)
		if err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		if len(calls) == 0 {
			continue
		}
		taken, err := x.admit(calls, len(message.bytes))
		if err != nil {
			return err
		}
		if taken {
			x.member.metrics.exchangeBatch.Observe(float64(len(calls)))
			x.running.Go(func() {
				x.carryOut(calls)
				x.ended(len(calls), len(message.bytes))
			})
		}
	}
}

// admit takes the calls of a message, when there is room for them.
func (x *exchangeServer) admit(calls []wireCall, bytes int) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for !x.failed && (x.outBytes > servedBytes || x.calls > 0 && (x.calls+len(calls) > servedCalls || x.bytes+bytes > servedBytes)) {
		x.changed.Wait()
	}
	if x.refused {
		return false, nil
	}
	for _, c := range calls {
		if c.id <= x.last {
			return false, status.Errorf(codes.InvalidArgument, "call %d comes after call %d", c.id, x.last)
		}
		x.last = c.id
	}
	x.calls += len(calls)
	x.bytes += bytes
	return true, nil
}

func (x *exchangeServer) ended(calls, bytes int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.calls -= calls
	x.bytes -= bytes
	x.changed.Broadcast()
}

// refuse takes no more calls, and says so: the caller then closes the stream.
func (x *exchangeServer) refuse() {
	x.mu.Lock()
	x.refused = true
	from := x.last + 1
	x.mu.Unlock()
	x.send(appendRefused(nil, from))
}

// send sends answers, or leaves them to whoever is sending.
func (x *exchangeServer) send(answers []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.out = append(x.out, answers)
	x.outBytes += len(answers)
	if x.sending {
		return
	}
	x.sending = true
	for len(x.out) > 0 && !x.failed {
		n, size := 0, 0
		for n < len(x.out) && (n == 0 || size+len(x.out[n]) <= answerBytes) {
			size += len(x.out[n])
			n++
		}
		message := newReady(x.out[:n]...)
		x.out = x.out[n:]
		x.mu.Unlock()
		err := x.stream.SendMsg(message)
		x.mu.Lock()
		x.outBytes -= size
		x.failed = x.failed || err != nil
		x.changed.Broadcast()
	}
	x.out, x.outBytes, x.sending = nil, 0, false
}

// carryOut carries out the calls of one message.
func (x *exchangeServer) carryOut(calls []wireCall) {
	var txns, ranges, other []wireCall
	for _, c := range calls {
		switch c.kind {
		case fieldTxn:
			txns = append(txns, c)
		case fieldRange:
			ranges = append(ranges, c)
		case fieldConfirm:
			a := answers{server: x, method: methodConfirm, left: 1}
			a.add(c.id, fieldTerm, &storev1.ConfirmTermResponse{Term: x.member.raft.CurrentTerm()})
			a.flush()
		default:
			other = append(other, c)
		}
	}
	var parts sync.WaitGroup
	if len(ranges) > 0 && len(txns) > 0 {
		parts.Go(func() { x.guarded(methodRange, ranges, x.ranges) })
	} else if len(ranges) > 0 {
		x.guarded(methodRange, ranges, x.ranges)
	}
	if len(txns) > 0 {
		x.guarded(methodTxn, txns, x.txns)
	}
	if len(other) > 0 {
		a := answers{server: x, method: "unknown"}
		for _, c := range other {
			a.fail(c.id, &Error{Reason: mvcc.Invalid, Message: "a call of a kind that this version does not know"})
		}
		a.flush()
	}
	parts.Wait()
}

// guarded answers calls whose execution panics, as the server does for other calls.
func (x *exchangeServer) guarded(method string, calls []wireCall, do func([]wireCall)) {
	defer func() {
		if p := recover(); p != nil {
			x.member.log.Error("panic in handler", "method", storev1.StoreService_Exchange_FullMethodName, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			a := answers{server: x, method: method}
			for _, c := range calls {
				a.fail(c.id, status.Error(codes.Internal, "internal error: the handler panicked; see the server's log"))
			}
			a.flush()
		}
	}()
	do(calls)
}

// txns proposes transactions together, when this member leads. What was not proposed goes the way of calls that come alone: it waits for a
// leader, or is passed on to it.
func (x *exchangeServer) txns(calls []wireCall) {
	m := x.member
	a := answers{server: x, method: methodTxn, left: len(calls)}
	reqs := make([]*storev1.TxnRequest, 0, len(calls))
	commands := make([]command, 0, len(calls))
	good := calls[:0:0]
	full := m.full()
	for _, c := range calls {
		req := &storev1.TxnRequest{}
		if err := proto.Unmarshal(c.request, req); err != nil {
			a.fail(c.id, &Error{Reason: mvcc.Invalid, Message: err.Error()})
			continue
		}
		err := mvcc.ValidateTxn(req)
		if err == nil && full && m.leading() {
			err = m.checkQuota(req)
		}
		if err != nil {
			a.fail(c.id, err)
			continue
		}
		good, reqs, commands = append(good, c), append(reqs, req), append(commands, command{txn: c.request, read: req})
	}
	a.flush()
	if len(good) == 0 {
		return
	}
	err := error(errNotLeader)
	var results []mvcc.Result
	if m.leading() {
		results, err = m.proposals.proposeAll(x.ctx, commands)
	}
	if errors.Is(err, ErrUnavailable) {
		x.alone(methodTxn, good, func(ctx context.Context, i int) (protowire.Number, proto.Message, error) {
			res, err := m.Txn(ctx, reqs[i])
			return fieldTxn, res, err
		})
		return
	}
	for i, c := range good {
		switch {
		case err != nil:
			a.fail(c.id, err)
		case results[i].Err != nil:
			a.fail(c.id, results[i].Err)
		default:
			a.add(c.id, fieldTxn, results[i].Txn)
		}
	}
	a.flush()
}

// ranges reads; those that must be linearizable after one look, together, at who leads.
func (x *exchangeServer) ranges(calls []wireCall) {
	m := x.member
	a := answers{server: x, method: methodRange, left: len(calls)}
	reqs := make([]*storev1.RangeRequest, 0, len(calls))
	good := calls[:0:0]
	var bounded []*storev1.RangeRequest
	boundedCalls := calls[:0:0]
	for _, c := range calls {
		req := &storev1.RangeRequest{}
		err := proto.Unmarshal(c.request, req)
		if err != nil {
			err = &Error{Reason: mvcc.Invalid, Message: err.Error()}
		} else {
			err = mvcc.ValidateRange(req.Key, req.RangeEnd)
		}
		switch {
		case err != nil:
			a.fail(c.id, err)
		case req.MaxStaleness != nil:
			boundedCalls, bounded = append(boundedCalls, c), append(bounded, req)
		case req.Serializable || mutant.StaleReads:
			a.read(m.state.View(), c.id, req)
		default:
			good, reqs = append(good, c), append(reqs, req)
		}
	}
	a.flush()
	if len(bounded) > 0 {
		defer x.alone(methodRange, boundedCalls, func(ctx context.Context, i int) (protowire.Number, proto.Message, error) {
			res, err := m.Range(ctx, bounded[i])
			return fieldRange, res, err
		})
	}
	if len(good) == 0 {
		return
	}
	err := error(errNotLeader)
	if m.leading() {
		err = m.reads.confirm(x.ctx, len(good))
	}
	if errors.Is(err, ErrUnavailable) {
		x.alone(methodRange, good, func(ctx context.Context, i int) (protowire.Number, proto.Message, error) {
			res, err := m.Range(ctx, reqs[i])
			return fieldRange, res, err
		})
		return
	}
	view := m.state.View()
	for i, c := range good {
		if err != nil {
			a.fail(c.id, err)
		} else {
			a.read(view, c.id, reqs[i])
		}
	}
	a.flush()
}

// alone carries out calls one by one, each as long as its caller waits.
func (x *exchangeServer) alone(method string, calls []wireCall, do func(ctx context.Context, i int) (protowire.Number, proto.Message, error)) {
	var each sync.WaitGroup
	for i, c := range calls {
		each.Go(func() {
			x.guarded(method, calls[i:i+1], func([]wireCall) {
				timeout := c.timeout
				if timeout == 0 {
					timeout = callTimeout
				}
				ctx, cancel := context.WithTimeout(x.ctx, timeout)
				defer cancel()
				kind, res, err := do(ctx, i)
				a := answers{server: x, method: method}
				if r, ok := res.(*storev1.RangeResponse); ok && err == nil {
					a.ranged(c.id, r)
				} else if err != nil {
					a.fail(c.id, err)
				} else {
					a.add(c.id, kind, res)
				}
				a.flush()
			})
		})
	}
	each.Wait()
}
