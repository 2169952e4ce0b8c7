package raftstore

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

const (
	// watchQueue and watchQueueBytes bound what waits for the reader of a watch that shares a stream.
	watchQueue      = 4096
	watchQueueBytes = 64 << 20
)

// errNotCarried ends a watch on a shared stream that goes on well on one of its own: its reader is too slow for the
// others, or the member does not know shared streams.
var errNotCarried = errors.New("the watch needs a stream of its own")

// watchStreams are the streams that a client's watches share, one to each member with watches. The zero value is ready.
type watchStreams struct {
	// mu guards the streams as well. It is taken before sharedWatch.mu, and never held while anything waits.
	mu        sync.Mutex
	byAddress map[string]*watchStream
	closed    bool
	running   sync.WaitGroup
}

// watchStream is one of them. It ends when its last watch does.
type watchStream struct {
	streams *watchStreams
	address string
	cancel  context.CancelFunc
	watches map[int64]*sharedWatch
	last    int64 // id
	ended   bool
	// outgoing waits to be sent: for each watch its begin and its end at most.
	outgoing []*storev1.WatchManyRequest
	wake     chan struct{}
}

// begin begins a watch on the stream to a member, which is opened when there is none. living is the context of the client.
func (s *watchStreams) begin(living, ctx context.Context, address string, client storev1.StoreServiceClient, req *storev1.WatchRequest) (*sharedWatch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &Error{Reason: Unavailable, Message: "the store's client is closed"}
	}
	stream := s.byAddress[address]
	if stream == nil {
		streamCtx, cancel := context.WithCancel(living)
		stream = &watchStream{streams: s, address: address, cancel: cancel, watches: map[int64]*sharedWatch{}, wake: make(chan struct{}, 1)}
		if s.byAddress == nil {
			s.byAddress = map[string]*watchStream{}
		}
		s.byAddress[address] = stream
		s.running.Go(func() { stream.run(streamCtx, client) })
	}
	stream.last++
	w := &sharedWatch{ctx: ctx, stream: stream, id: stream.last, wake: make(chan struct{}, 1)}
	stream.watches[w.id] = w
	stream.send(&storev1.WatchManyRequest{Request: &storev1.WatchManyRequest_Begin{Begin: &storev1.WatchBegin{Id: w.id, Watch: req}}})
	w.stop = context.AfterFunc(ctx, func() {
		w.leave()
		w.end(ctx.Err())
	})
	return w, nil
}

// close waits for the end of the streams, which comes with the context of the client.
func (s *watchStreams) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
}

// send has the member told something. Called with mu held.
func (s *watchStream) send(req *storev1.WatchManyRequest) {
	s.outgoing = append(s.outgoing, req)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// forget takes a watch off the stream. The last one ends it. Called with mu held.
func (s *watchStream) forget(id int64) {
	if s.ended || s.watches[id] == nil {
		return
	}
	delete(s.watches, id)
	if len(s.watches) > 0 {
		s.send(&storev1.WatchManyRequest{Request: &storev1.WatchManyRequest_Cancel{Cancel: &storev1.WatchCancel{Id: id}}})
		return
	}
	s.retire()
}

// retire ends the stream; the next watch opens another. Called with mu held.
func (s *watchStream) retire() {
	s.ended = true
	s.cancel()
	if s.streams.byAddress[s.address] == s {
		delete(s.streams.byAddress, s.address)
	}
}

// run carries the stream until it ends.
func (s *watchStream) run(ctx context.Context, client storev1.StoreServiceClient) {
	defer s.cancel()
	stream, err := client.WatchMany(ctx)
	if err == nil {
		var sending sync.WaitGroup
		sending.Go(func() { s.sendAll(ctx, stream) })
		err = s.receiveAll(stream)
		s.cancel()
		sending.Wait()
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	s.retire()
	for _, w := range s.watches {
		w.end(streamError(w.ctx, err))
	}
	clear(s.watches)
}

// streamError is the error of a watch whose stream ended with err.
func streamError(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) {
		return &Error{Reason: Unavailable, Message: "the member ended the watch"}
	}
	if status.Code(err) == codes.Unimplemented {
		return errNotCarried
	}
	return fromStatus(ctx, err, true, false)
}

// sendAll sends what the member is to be told until ctx ends. What goes wrong is told by receiving.
func (s *watchStream) sendAll(ctx context.Context, stream storev1.StoreService_WatchManyClient) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		s.streams.mu.Lock()
		requests := s.outgoing
		s.outgoing = nil
		s.streams.mu.Unlock()
		for _, req := range requests {
			if err := stream.Send(req); err != nil {
				return
			}
		}
	}
}

// receiveAll hands out what comes until the stream ends.
func (s *watchStream) receiveAll(stream storev1.StoreService_WatchManyClient) error {
	for {
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		s.hand(res)
	}
}

// hand hands one answer to the watches that it is for. One whose reader is behind by too much is ended.
func (s *watchStream) hand(res *storev1.WatchManyResponse) {
	size := 0
	for _, e := range res.GetResponse().GetEvents() {
		size += len(e.GetKv().GetKey()) + len(e.GetKv().GetValue()) + len(e.GetPrevious().GetValue())
	}
	s.streams.mu.Lock()
	defer s.streams.mu.Unlock()
	for _, id := range res.Ids {
		w := s.watches[id]
		if w == nil {
			continue // It was ended here, and the member did not know yet.
		}
		switch told := res.Told.(type) {
		case *storev1.WatchManyResponse_Response:
			if !w.push(told.Response, size) {
				s.forget(id)
			}
		case *storev1.WatchManyResponse_End:
			delete(s.watches, id)
			w.end(&Error{Reason: Reason(told.End.GetReason()), Message: told.End.GetMessage()})
		}
	}
	if len(s.watches) == 0 && !s.ended {
		s.retire()
	}
}

// sharedWatch is a watch on a shared stream.
type sharedWatch struct {
	ctx    context.Context
	stream *watchStream
	id     int64
	stop   func() bool
	wake   chan struct{}

	mu sync.Mutex
	// queue waits for the reader; its messages are shared with other watches.
	queue  []queuedResponse
	events int
	bytes  int
	// err is why it ended, once the queue is read.
	err error
}

type queuedResponse struct {
	res  *storev1.WatchResponse
	size int
}

// push queues a response. It says false when the reader is behind by too much: the watch is at its end then.
func (w *sharedWatch) push(res *storev1.WatchResponse, size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(res.Events); w.events > 0 && (w.events+n > watchQueue || w.bytes+size > watchQueueBytes) {
		w.endLocked(errNotCarried)
		return false
	}
	w.queue = append(w.queue, queuedResponse{res, size})
	w.events += len(res.Events)
	w.bytes += size
	w.signal()
	return true
}

func (w *sharedWatch) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endLocked(err)
}

func (w *sharedWatch) endLocked(err error) {
	if w.err == nil {
		w.err = err
	}
	w.signal()
}

func (w *sharedWatch) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// recv implements watchSource.
func (w *sharedWatch) recv() (*storev1.WatchResponse, error) {
	for {
		w.mu.Lock()
		if len(w.queue) > 0 {
			next := w.queue[0]
			w.queue[0] = queuedResponse{}
			w.queue = w.queue[1:]
			w.events -= len(next.res.Events)
			w.bytes -= next.size
			w.mu.Unlock()
			// The message is not this watch's alone, and what is handed out is the caller's.
			return &storev1.WatchResponse{Revision: next.res.Revision, Events: next.res.Events}, nil
		}
		err := w.err
		w.mu.Unlock()
		if err != nil {
			return nil, err
		}
		<-w.wake // Each end wakes it: of the stream, of the watch, and of ctx.
	}
}

// close implements watchSource.
func (w *sharedWatch) close() {
	w.stop()
	w.leave()
}

// leave has the member tell this watch no more.
func (w *sharedWatch) leave() {
	w.stream.streams.mu.Lock()
	defer w.stream.streams.mu.Unlock()
	w.stream.forget(w.id)
}
