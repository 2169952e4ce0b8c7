package raftstore_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/raftstore"
)

// keepalive is how long a connection over which nothing comes is taken for alive.
const keepalive = 15 * time.Second

// connect gives the connections of a process to others.
func (h *simHost) connect(address string) (grpc.ClientConnInterface, error) {
	return &simConn{from: h, address: address}, nil
}

// simConn is a connection to whoever runs at an address when a call begins. Calls are carried out by the services' own descriptors, as
// gRPC does it; what travels is copied.
type simConn struct {
	from    *simHost
	address string
}

var _ grpc.ClientConnInterface = (*simConn)(nil)

func unavailable(err error) error { return status.Error(codes.Unavailable, err.Error()) }

// method finds the service and the name of a method.
func (h *simHost) method(full string) (desc *grpc.ServiceDesc, service any, name string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for desc, service := range h.services {
		if rest, ok := strings.CutPrefix(full, "/"+desc.ServiceName+"/"); ok {
			return desc, service, rest
		}
	}
	return nil, nil, ""
}

// reach begins a call: the request leaves, and gets there or not.
func (c *simConn) reach(ctx context.Context) (*simHost, error) {
	to := c.from.net.find(c.address)
	if to == nil {
		return nil, unavailable(errRefused)
	}
	raftstore.MarkSent(ctx)
	return to, nil
}

// broken waits until the caller learns that the other side cannot be reached any more.
func broken(ctx context.Context, to *simHost) error {
	timer := time.NewTimer(keepalive)
	defer timer.Stop()
	select {
	case <-timer.C:
		return unavailable(errBroken)
	case <-to.alive.Done():
		return unavailable(errBroken)
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// serving is the context of a call on the other side: it ends with the caller's, and with the process.
func (c *simConn) serving(ctx context.Context, to *simHost) (context.Context, context.CancelFunc) {
	md, _ := metadata.FromOutgoingContext(ctx)
	there, cancel := context.WithCancel(metadata.NewIncomingContext(to.alive, md.Copy()))
	context.AfterFunc(ctx, cancel)
	return there, cancel
}

// Invoke implements grpc.ClientConnInterface.
func (c *simConn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	to, err := c.reach(ctx)
	if err != nil {
		return err
	}
	request := proto.Clone(args.(proto.Message))
	if !c.from.net.travel(ctx, c.from, to, true) {
		return broken(ctx, to)
	}
	desc, service, name := to.method(method)
	if desc == nil {
		return unavailable(errRefused)
	}
	type outcome struct {
		res any
		err error
	}
	done := make(chan outcome, 1)
	there, cancel := c.serving(ctx, to)
	go func() {
		defer cancel()
		for _, m := range desc.Methods {
			if m.MethodName == name {
				res, err := m.Handler(service, there, func(v any) error { proto.Merge(v.(proto.Message), request); return nil }, nil)
				done <- outcome{res, raftstore.ToStatus(err)}
				return
			}
		}
		done <- outcome{err: status.Error(codes.Unimplemented, method)}
	}()
	select {
	case o := <-done:
		if !c.from.net.travel(ctx, to, c.from, true) {
			return broken(ctx, to)
		}
		if o.err != nil {
			return o.err
		}
		proto.Merge(reply.(proto.Message), o.res.(proto.Message))
		return nil
	case <-to.alive.Done():
		return unavailable(errBroken)
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// NewStream implements grpc.ClientConnInterface.
func (c *simConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	to, err := c.reach(ctx)
	if err != nil {
		return nil, err
	}
	s := &simStream{conn: c, to: to, ctx: ctx, desc: desc, method: method, requests: make(chan []byte, 16), answers: make(chan []byte, 64), ended: make(chan struct{})}
	s.there, s.cancel = c.serving(ctx, to)
	go s.serve()
	return s, nil
}

// simStream is a stream between two processes; both ends are methods of it. What one sends comes in order, or the stream breaks.
type simStream struct {
	conn   *simConn
	to     *simHost
	ctx    context.Context
	there  context.Context
	cancel context.CancelFunc
	desc   *grpc.StreamDesc
	method string
	// What travels is encoded.
	requests, answers chan []byte
	// err is why it ended, once ended is closed.
	err   error
	ended chan struct{}
}

// serve carries out the call on the other side.
func (s *simStream) serve() {
	defer s.cancel()
	defer close(s.ended)
	desc, service, name := s.to.method(s.method)
	s.err = unavailable(errRefused)
	if desc == nil {
		return
	}
	for _, d := range desc.Streams {
		if d.StreamName == name {
			if s.err = raftstore.ToStatus(d.Handler(service, serverEnd{s})); s.err == nil {
				s.err = io.EOF
			}
			return
		}
	}
}

// resend is how long TCP waits before it sends again what was not acknowledged, at first.
const resend = 200 * time.Millisecond

// SendMsg implements grpc.ClientStream. What does not get there is sent again, until the keepalive gives the connection up; what comes after it
// waits. What went wrong is told by RecvMsg, as with gRPC.
func (s *simStream) SendMsg(m any) error {
	encoded, err := raftstore.Encode(m)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	begin := time.Now()
	for wait := resend; !s.conn.from.net.travel(s.ctx, s.conn.from, s.to, true); wait *= 2 {
		if time.Since(begin) > keepalive || s.there.Err() != nil {
			return s.unsent()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.there.Done():
			timer.Stop()
		}
	}
	if !passOn(s.there, s.requests, encoded) {
		return s.unsent()
	}
	return nil
}

// unsent ends a stream that takes no more. Only those who may send again are told at once.
func (s *simStream) unsent() error {
	s.cancel()
	if !s.desc.ClientStreams {
		return nil
	}
	return io.EOF
}

// RecvMsg implements grpc.ClientStream.
func (s *simStream) RecvMsg(m any) error {
	for quiet := time.Now(); ; {
		timer := time.NewTimer(keepalive)
		select {
		case got := <-s.answers:
			timer.Stop()
			return raftstore.Decode(got, m)
		case <-s.ended:
			timer.Stop()
			select {
			case got := <-s.answers:
				return raftstore.Decode(got, m)
			default:
			}
			if s.to.alive.Err() != nil {
				return unavailable(errBroken)
			}
			return s.err
		case <-s.to.alive.Done():
			timer.Stop()
			return unavailable(errBroken)
		case <-s.ctx.Done():
			timer.Stop()
			return status.FromContextError(s.ctx.Err()).Err()
		case <-timer.C:
			// The keepalive's question, and its answer.
			if !s.conn.from.net.travel(s.ctx, s.conn.from, s.to, true) || !s.conn.from.net.travel(s.ctx, s.to, s.conn.from, true) {
				s.cancel()
				return unavailable(fmt.Errorf("%w after %s", errBroken, time.Since(quiet)))
			}
		}
	}
}

func (s *simStream) Header() (metadata.MD, error) { return nil, nil }
func (s *simStream) Trailer() metadata.MD         { return nil }
func (s *simStream) CloseSend() error             { return nil }
func (s *simStream) Context() context.Context     { return s.ctx }

// serverEnd is the stream as the service sees it.
type serverEnd struct{ *simStream }

func (s serverEnd) Context() context.Context     { return s.there }
func (s serverEnd) SetHeader(metadata.MD) error  { return nil }
func (s serverEnd) SendHeader(metadata.MD) error { return nil }
func (s serverEnd) SetTrailer(metadata.MD)       {}

// SendMsg carries an answer to the caller; one that does not get there breaks the stream, since TCP skips nothing.
func (s serverEnd) SendMsg(m any) error {
	if !s.conn.from.net.travel(s.there, s.to, s.conn.from, true) {
		s.cancel()
		<-s.there.Done()
		return unavailable(errBroken)
	}
	encoded, err := raftstore.Encode(m)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	if !passOn(s.there, s.answers, encoded) {
		return unavailable(errBroken)
	}
	return nil
}

// RecvMsg gives the next request.
func (s serverEnd) RecvMsg(m any) error {
	select {
	case got := <-s.requests:
		return raftstore.Decode(got, m)
	case <-s.there.Done():
		return status.FromContextError(s.there.Err()).Err()
	}
}
