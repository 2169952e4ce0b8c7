package raftstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

const (
	// exchangeCallBytes bounds a request that goes by an exchange: larger ones would hold up those behind them.
	exchangeCallBytes = 64 << 10
	// exchangeMessageBytes and exchangeMessageCalls end a message; what waits longer goes in the next.
	exchangeMessageBytes = 512 << 10
	exchangeMessageCalls = 1024
	// exchangeCalls bounds the calls of one exchange that are under way or wait to be sent.
	exchangeCalls = 16 << 10
	// exchangeOps bounds the steps of a transaction that goes by an exchange. With reads of single keys alone the largest
	// answer stays within what a message may have.
	exchangeOps = 8
	// exchangeAgain is when a member that did not know of exchanges is tried again.
	exchangeAgain = time.Minute
)

// errUnary: the call was not sent and has to be a call of its own. It does not leave the package.
var errUnary = errors.New("the call does not go by an exchange")

// exchange carries calls of many callers to one member over one stream: what waits while a message is sent goes in the next one. It begins a
// stream when there is something to send and none stands.
type exchange struct {
	conn grpc.ClientConnInterface
	ctx  context.Context
	// wake tells the sender that there is something to do.
	wake chan struct{}

	mu sync.Mutex
	// queue are calls that were not sent; of those that were given up some may still be in it.
	queue []*exchangeCall
	// waiting counts calls that are neither answered nor given up.
	waiting int
	// stream is where calls go now, nil when there is none; leaving are those that the member wants ended.
	stream  *exchangeStream
	leaving []*exchangeStream
	// unaryUntil is when a member that knows no exchanges is asked again.
	unaryUntil time.Time
	closed     bool
}

// exchangeStream is one stream of an exchange.
type exchangeStream struct {
	grpc.ClientStream
	cancel context.CancelFunc
	// flying are the calls that were sent and not answered, last is the id of the last call. Both under the exchange's mu.
	flying map[uint64]*exchangeCall
	last   uint64
	// ended is closed when no answer will come any more.
	ended chan struct{}
}

// exchangeCall is one call on its way. Its fields are under the exchange's mu, until it is done.
type exchangeCall struct {
	body []byte
	// stream and id are where it was sent, if it was.
	stream *exchangeStream
	id     uint64
	// over: it was answered or given up.
	over bool
	// answer and err are what came of it, once done has something in it.
	answer wireAnswer
	err    error
	done   chan struct{}
}

// finish ends a call. Called with mu held.
func (x *exchange) finish(c *exchangeCall, a wireAnswer, err error) {
	if c.over {
		return
	}
	c.over, c.answer, c.err = true, a, err
	x.waiting--
	c.done <- struct{}{}
}

// enqueue has a call sent.
func (x *exchange) enqueue(c *exchangeCall) error {
	x.mu.Lock()
	switch {
	case x.closed:
		x.mu.Unlock()
		return &Error{Reason: Unavailable, Message: "the store's connections are closed"}
	case !x.unaryUntil.IsZero() && time.Now().Before(x.unaryUntil):
		x.mu.Unlock()
		return errUnary
	case x.waiting >= exchangeCalls:
		x.mu.Unlock()
		return &Error{Reason: TooManyRequests, Message: fmt.Sprintf("%d calls to this member are waiting already", exchangeCalls)}
	}
	x.waiting++
	x.queue = append(x.queue, c)
	first := len(x.queue) == 1
	x.mu.Unlock()
	if first {
		x.wakeUp()
	}
	return nil
}

func (x *exchange) wakeUp() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// abandon gives a call up. It tells whether the call may have got to the member; done, whether it was over already.
func (x *exchange) abandon(c *exchangeCall) (sent, done bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c.over {
		return c.stream != nil, true
	}
	c.over = true
	x.waiting--
	if c.stream != nil {
		delete(c.stream.flying, c.id)
	}
	return c.stream != nil, false
}

// gone tells whether whoever an answer is awaited from has been given up, and by what channel to notice when it may be.
type gone func() (changed <-chan struct{}, given bool)

// do sends a call and waits for its answer; patience, when it is not 0, bounds the wait. Errors are ctx's, errUnary, or the Store's: UNAVAILABLE
// only when the call was not carried out and never will be, or changes nothing.
func (x *exchange) do(ctx context.Context, c *exchangeCall, write bool, patience time.Duration, leader gone) (wireAnswer, error) {
	c.done = make(chan struct{}, 1)
	if err := x.enqueue(c); err != nil {
		return wireAnswer{}, err
	}
	var late <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		late = timer.C
	}
	for why := ""; ; {
		changed, given := leader()
		if given {
			why = "another leader was found"
		} else {
			select {
			case <-c.done:
				return c.answer, exchangeError(ctx, c, write)
			case <-changed:
				continue
			case <-ctx.Done():
			case <-late:
				why = "the member did not answer in " + patience.String()
			}
		}
		sent, done := x.abandon(c)
		switch {
		case done:
			<-c.done
			return c.answer, exchangeError(ctx, c, write)
		case ctx.Err() != nil:
			return wireAnswer{}, ctx.Err()
		case sent && write:
			return wireAnswer{}, &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown: " + why}
		}
		return wireAnswer{}, &Error{Reason: Unavailable, Message: why}
	}
}

// run sends what is queued until ctx ends.
func (x *exchange) run(wait *sync.WaitGroup) {
	for {
		select {
		case <-x.wake:
		case <-x.ctx.Done():
			x.mu.Lock()
			x.closed = true
			x.mu.Unlock()
			x.failQueued(&lostError{cause: status.FromContextError(x.ctx.Err()).Err()})
			return
		}
		x.leave()
		// Whoever else is about to call comes along.
		runtime.Gosched()
		for x.queued() {
			s, err := x.standing(wait)
			if err != nil {
				x.failQueued(&lostError{cause: err})
				break
			}
			data := x.take(s)
			if data == nil {
				continue // It ended meanwhile, or all were given up.
			}
			if s.SendMsg(newReady(data)) != nil {
				<-s.ended // What went wrong is told there.
			}
		}
	}
}

// leave closes the sending side of streams that the member wants ended.
func (x *exchange) leave() {
	x.mu.Lock()
	leaving := x.leaving
	x.leaving = nil
	x.mu.Unlock()
	for _, s := range leaving {
		if s.CloseSend() != nil {
			s.cancel()
		}
	}
}

func (x *exchange) queued() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.queue) > 0
}

// standing gives the stream to send on.
func (x *exchange) standing(wait *sync.WaitGroup) (*exchangeStream, error) {
	x.mu.Lock()
	s := x.stream
	x.mu.Unlock()
	if s != nil {
		return s, nil
	}
	ctx, cancel := context.WithCancel(x.ctx)
	stream, err := x.conn.NewStream(ctx, &storev1.StoreService_ServiceDesc.Streams[exchangeStreamIndex], storev1.StoreService_Exchange_FullMethodName, grpc.ForceCodecV2(newCodec()))
	if err != nil {
		cancel()
		return nil, err
	}
	s = &exchangeStream{ClientStream: stream, cancel: cancel, flying: map[uint64]*exchangeCall{}, ended: make(chan struct{})}
	x.mu.Lock()
	x.stream = s
	x.mu.Unlock()
	wait.Go(func() { x.receive(s) })
	return s, nil
}

// exchangeStreamIndex is where Exchange is among the streams of the service.
var exchangeStreamIndex = func() int {
	for i, d := range storev1.StoreService_ServiceDesc.Streams {
		if d.StreamName == "Exchange" {
			return i
		}
	}
	panic("the service has no Exchange")
}()

// take makes a message of calls that wait, which count as sent from here on; nil when there are none, or the stream has ended.
func (x *exchange) take(s *exchangeStream) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stream != s {
		return nil
	}
	n, size := 0, 0
	for n < len(x.queue) && n < exchangeMessageCalls && size < exchangeMessageBytes {
		size += len(x.queue[n].body) + 24
		n++
	}
	var b []byte
	for i, c := range x.queue[:n] {
		x.queue[i] = nil
		if c.over {
			continue
		}
		if b == nil {
			b = make([]byte, 0, size)
		}
		s.last++
		c.stream, c.id = s, s.last
		s.flying[c.id] = c
		b = appendCall(b, c.id, c.body)
		c.body = nil
	}
	if x.queue = x.queue[n:]; len(x.queue) == 0 {
		x.queue = nil
	}
	return b
}

// failQueued ends all calls that were not sent.
func (x *exchange) failQueued(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.queue {
		x.finish(c, wireAnswer{}, err)
	}
	x.queue = nil
}

// receive hands out answers until the stream ends.
func (x *exchange) receive(s *exchangeStream) {
	defer close(s.ended)
	defer s.cancel()
	for {
		var message raw
		err := s.RecvMsg(&message)
		if err == nil {
			err = x.answered(s, message.bytes)
		}
		if err != nil {
			x.lost(s, err)
			return
		}
	}
}

// answered hands out the answers of a message.
func (x *exchange) answered(s *exchangeStream, message []byte) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	refused, err := parseAnswers(message, func(a wireAnswer) {
		if c := s.flying[a.id]; c != nil {
			delete(s.flying, a.id)
			x.finish(c, a, nil)
		}
	})
	if err != nil || refused == 0 {
		return err
	}
	// The member goes away. What it has taken it still answers. The sender closes its side, as nobody may send at the same time.
	if x.stream == s {
		x.stream = nil
	}
	x.leaving = append(x.leaving, s)
	x.wakeUp()
	for id, c := range s.flying {
		if id >= refused {
			delete(s.flying, id)
			x.finish(c, wireAnswer{}, &lostError{cause: status.Error(codes.Unavailable, "the member is shutting down")})
		}
	}
	return nil
}

// lost ends the calls of a stream that ended.
func (x *exchange) lost(s *exchangeStream, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stream == s {
		x.stream = nil
	}
	unknown := status.Code(err) == codes.Unimplemented
	if unknown {
		x.unaryUntil = time.Now().Add(exchangeAgain)
		for _, c := range x.queue {
			x.finish(c, wireAnswer{}, errUnary)
		}
		x.queue = nil
	}
	for id, c := range s.flying {
		delete(s.flying, id)
		if unknown {
			// A member of a version before exchanges: gRPC itself answered, and handed nothing on.
			x.finish(c, wireAnswer{}, errUnary)
		} else {
			x.finish(c, wireAnswer{}, &lostError{cause: err, sent: true})
		}
	}
}
