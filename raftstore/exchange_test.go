package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// scripted is a member whose side of an exchange the test plays.
type scripted struct {
	t *testing.T
	// streams are those that were begun.
	streams chan *scriptedStream
	// refuse, when set, is why no stream can be begun.
	refuse error
	// unary carries out calls of their own.
	unary func(method string, reply any) error
}

func newScripted(t *testing.T) (*scripted, *exchanges) {
	s := &scripted{t: t, streams: make(chan *scriptedStream, 16)}
	e := newExchanges(s, "")
	t.Cleanup(e.close)
	return s, e
}

func (s *scripted) get(string) (grpc.ClientConnInterface, error) { return s, nil }
func (s *scripted) close()                                       {}

func (s *scripted) Invoke(_ context.Context, method string, _, reply any, _ ...grpc.CallOption) error {
	return s.unary(method, reply)
}

func (s *scripted) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	if s.refuse != nil {
		return nil, s.refuse
	}
	st := &scriptedStream{ctx: ctx, calls: make(chan *storev1.ExchangeCall, 64), answers: make(chan *storev1.ExchangeResponse, 64), broken: make(chan struct{}), closed: make(chan struct{})}
	s.streams <- st
	return st, nil
}

type scriptedStream struct {
	grpc.ClientStream
	ctx     context.Context
	calls   chan *storev1.ExchangeCall
	answers chan *storev1.ExchangeResponse
	// err is why it ends, once broken is closed; closed is closed when the caller has closed its side.
	err            error
	broken, closed chan struct{}
}

func (s *scriptedStream) end(err error) { s.err = err; close(s.broken) }
func (s *scriptedStream) CloseSend() error {
	close(s.closed)
	return nil
}

func (s *scriptedStream) SendMsg(m any) error {
	var req storev1.ExchangeRequest
	if err := proto.Unmarshal(m.(*ready).parts.Materialize(), &req); err != nil {
		return err
	}
	for _, c := range req.Calls {
		s.calls <- c
	}
	return nil
}

func (s *scriptedStream) RecvMsg(m any) error {
	// What came before the end is read first.
	select {
	case a := <-s.answers:
		return deliver(a, m)
	default:
	}
	select {
	case a := <-s.answers:
		return deliver(a, m)
	case <-s.broken:
		return s.err
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

func deliver(a *storev1.ExchangeResponse, m any) error {
	b, err := proto.Marshal(a)
	m.(*raw).bytes = b
	return err
}

func answer(ids ...uint64) *storev1.ExchangeResponse {
	res := &storev1.ExchangeResponse{}
	for _, id := range ids {
		res.Answers = append(res.Answers, &storev1.ExchangeAnswer{Id: id, Result: &storev1.ExchangeAnswer_Txn{Txn: &storev1.TxnResponse{Revision: int64(id), Succeeded: true}}})
	}
	return res
}

// write begins writes, and gives where what came of them is told.
func write(ctx context.Context, e *exchanges, n int, leader gone) chan error {
	errs := make(chan error, n)
	for i := range n {
		go func() {
			res, err := e.txn(ctx, "a", txnOf(fmt.Sprint(i)), leader)
			if err == nil && !res.Succeeded {
				err = errors.New("answered by something else")
			}
			errs <- err
		}()
	}
	return errs
}

// A stream that breaks in the middle of answers leaves the outcome of what was not answered open, and of nothing else.
func TestBrokenExchange(t *testing.T) {
	s, e := newScripted(t)
	errs := write(t.Context(), e, 10, neverGone)
	st := <-s.streams
	var ids []uint64
	for range 10 {
		ids = append(ids, (<-st.calls).Id)
	}
	if !slices.IsSorted(ids) || ids[0] != 1 || ids[9] != 10 {
		t.Errorf("ids are %v", ids)
	}
	st.answers <- answer(9, 2)
	st.answers <- answer(4, 4, 77) // Twice, and one that nobody asked for.
	st.end(status.Error(codes.Unavailable, "connection reset"))
	var good, unknown int
	for range 10 {
		switch err := <-errs; {
		case err == nil:
			good++
		case errors.Is(err, ErrOutcomeUnknown):
			unknown++
		default:
			t.Error(err)
		}
	}
	if good != 3 || unknown != 7 {
		t.Errorf("%d answered, %d unknown", good, unknown)
	}
	// The next call begins a stream anew.
	errs = write(t.Context(), e, 1, neverGone)
	st = <-s.streams
	st.answers <- answer((<-st.calls).Id)
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// Whatever ends a stream, a write that was sent is not reported as one that can be sent again.
func TestSentWritesAreUnknown(t *testing.T) {
	for _, why := range []error{
		io.EOF, errors.New("odd"), status.Error(codes.Canceled, ""), status.Error(codes.ResourceExhausted, "too large"), status.Error(codes.Internal, ""),
		status.Error(codes.InvalidArgument, ""), toStatus(&Error{Reason: Unavailable, Message: "unavailable"}),
	} {
		s, e := newScripted(t)
		errs := write(t.Context(), e, 1, neverGone)
		st := <-s.streams
		<-st.calls
		st.end(why)
		if err := <-errs; !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("after %v: %v", why, err)
		}
		got := make(chan error, 1)
		go func() {
			_, err := e.get(t.Context(), "a", &storev1.RangeRequest{Key: []byte("k")}, 0, neverGone)
			got <- err
		}()
		st = <-s.streams
		<-st.calls
		st.end(why)
		if err := <-got; !errors.Is(err, ErrUnavailable) {
			t.Errorf("a read after %v: %v", why, err)
		}
	}
}

func TestUnsentWritesAreUnavailable(t *testing.T) {
	s, e := newScripted(t)
	s.refuse = status.Error(codes.Unavailable, "connection refused")
	if err := <-write(t.Context(), e, 1, neverGone); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	s.refuse = status.Error(codes.Unavailable, "again")
	if err := <-write(t.Context(), e, 1, neverGone); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

// A member that goes away answers what it took, and what it did not take can go elsewhere.
func TestMemberLeavesExchange(t *testing.T) {
	s, e := newScripted(t)
	errs := write(t.Context(), e, 3, neverGone)
	st := <-s.streams
	for range 3 {
		<-st.calls
	}
	st.answers <- &storev1.ExchangeResponse{RefusedFrom: 3}
	if err := <-errs; !errors.Is(err, ErrUnavailable) {
		t.Errorf("a call that was not taken: %v", err)
	}
	<-st.closed
	next := write(t.Context(), e, 1, neverGone)
	other := <-s.streams
	other.answers <- answer((<-other.calls).Id)
	if err := <-next; err != nil {
		t.Error(err)
	}
	st.answers <- answer(1, 2)
	st.end(io.EOF)
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// Members of a version before exchanges answer that they do not know of them.
func TestExchangeUnknown(t *testing.T) {
	s, e := newScripted(t)
	errs := write(t.Context(), e, 2, neverGone)
	(<-s.streams).end(status.Error(codes.Unimplemented, "unknown method Exchange"))
	for range 2 {
		if err := <-errs; !errors.Is(err, errUnary) {
			t.Error(err)
		}
	}
	if err := <-write(t.Context(), e, 1, neverGone); !errors.Is(err, errUnary) || len(s.streams) > 0 {
		t.Errorf("%v, and %d more streams", err, len(s.streams))
	}
	// A client goes on by calls of their own.
	s.unary = func(_ string, reply any) error {
		if st, ok := reply.(*storev1.StatusResponse); ok {
			st.MemberId, st.LeaderId = "m", "m"
		}
		if r, ok := reply.(*storev1.TxnResponse); ok {
			r.Succeeded = true
		}
		return nil
	}
	c := newClientOver(s, ClientConfig{Endpoints: []string{"a"}})
	t.Cleanup(c.Close)
	go func() { (<-s.streams).end(status.Error(codes.Unimplemented, "unknown method Exchange")) }()
	if res, err := c.Txn(t.Context(), txnOf("k")); err != nil || !res.Succeeded {
		t.Errorf("%v, %v", res, err)
	}
}

// A read whose answer would hold up others is asked for by a call of its own; so is what is large from the beginning.
func TestLargeCallsGoAlone(t *testing.T) {
	s, e := newScripted(t)
	var mu sync.Mutex
	var alone []string
	s.unary = func(method string, reply any) error {
		if st, ok := reply.(*storev1.StatusResponse); ok {
			st.MemberId, st.LeaderId = "m", "m"
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		alone = append(alone, method)
		return nil
	}
	c := newClientOver(s, ClientConfig{Endpoints: []string{"a"}})
	t.Cleanup(c.Close)
	go func() {
		st := <-s.streams
		st.answers <- &storev1.ExchangeResponse{Answers: []*storev1.ExchangeAnswer{{Id: (<-st.calls).Id, Result: &storev1.ExchangeAnswer_TooLarge{TooLarge: true}}}}
	}()
	if _, err := c.Range(t.Context(), &storev1.RangeRequest{Key: []byte("k")}); err != nil {
		t.Error(err)
	}
	large := txnOf("k")
	large.Success[0].GetPut().Value = make([]byte, exchangeCallBytes)
	if _, err := c.Txn(t.Context(), large); err != nil {
		t.Error(err)
	}
	if want := []string{storev1.StoreService_Range_FullMethodName, storev1.StoreService_Txn_FullMethodName}; !slices.Equal(alone, want) {
		t.Errorf("%v, want %v", alone, want)
	}
	wide := txnOf("k")
	wide.Failure = []*storev1.Op{{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte("a"), RangeEnd: []byte("b")}}}}
	if _, err := e.txn(t.Context(), "a", wide, neverGone); !errors.Is(err, errUnary) {
		t.Errorf("a transaction that reads a range: %v", err)
	}
}

// Who gives a call up hears so at once, with the truth about whether it was sent.
func TestGivingUpCalls(t *testing.T) {
	s, e := newScripted(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs := write(ctx, e, 1, neverGone)
	st := <-s.streams
	first := (<-st.calls).Id
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	led, leave := context.WithCancel(t.Context())
	errs = write(t.Context(), e, 1, func() (<-chan struct{}, bool) { return led.Done(), led.Err() != nil })
	second := (<-st.calls).Id
	leave()
	if err := <-errs; !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("sent to a leader that is none: %v", err)
	}
	if err := <-write(t.Context(), e, 1, func() (<-chan struct{}, bool) { return led.Done(), led.Err() != nil }); !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("to a leader that is none: %v", err)
	}
	if _, err := e.get(t.Context(), "a", &storev1.RangeRequest{Key: []byte("k")}, time.Millisecond, neverGone); !errors.Is(err, ErrUnavailable) {
		t.Errorf("not answered in time: %v", err)
	}
	// Late answers go to nobody, and the stream is still good.
	st.answers <- answer(first, second)
	errs = write(t.Context(), e, 1, neverGone)
	for {
		select {
		case c := <-st.calls: // This one, or one that was given up.
			st.answers <- answer(c.Id)
		case err := <-errs:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func TestExchangeIsBounded(t *testing.T) {
	s, e := newScripted(t)
	x, err := e.with("a")
	if err != nil {
		t.Fatal(err)
	}
	x.mu.Lock()
	x.waiting = exchangeCalls
	x.mu.Unlock()
	if err := <-write(t.Context(), e, 1, neverGone); !errors.Is(err, ErrTooManyRequests) {
		t.Error(err)
	}
	if len(s.streams) > 0 {
		t.Error("something was sent")
	}
	x.mu.Lock()
	x.waiting = 0
	x.mu.Unlock()
	e.close()
	if err := <-write(t.Context(), e, 1, neverGone); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
}
