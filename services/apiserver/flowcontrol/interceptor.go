package flowcontrol

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
)

const (
	healthPrefix     = "/grpc.health.v1.Health/"
	reflectionPrefix = "/grpc.reflection."
)

// Unary has a call wait for its turn, and hold its seats until it is answered.
func (c *Controller) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if c.cfg.Disabled || strings.HasPrefix(info.FullMethod, healthPrefix) {
		return next(ctx, req)
	}
	r, err := c.admit(ctx, c.methods.of(info.FullMethod, req), req)
	if err != nil {
		return nil, err
	}
	if r != nil {
		defer c.leave(r)
	}
	return next(ctx, req)
}

// admit finds a call its seats; nil for one that needs none.
func (c *Controller) admit(ctx context.Context, m method, req any) (*request, error) {
	who, known := identity.FromContext(ctx)
	level, flow := sort(who, known, m)
	if level == LevelExempt {
		return nil, nil
	}
	return c.enter(ctx, level, flow, c.seats(m, req), func() int {
		if pm, ok := req.(proto.Message); ok {
			return proto.Size(pm)
		}
		return 0
	})
}

// Stream has a watch wait for its turn to begin, and counts the streams of every other sort.
func (c *Controller) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if c.cfg.Disabled || strings.HasPrefix(info.FullMethod, healthPrefix) || strings.HasPrefix(info.FullMethod, reflectionPrefix) {
		return next(srv, ss)
	}
	m := c.methods[info.FullMethod]
	if m.verb == metav1.Verb_VERB_WATCH {
		w := &watchStart{ServerStream: ss, controller: c, full: info.FullMethod}
		defer w.done()
		return next(srv, w)
	}
	who, _ := identity.FromContext(ss.Context())
	if err := c.streams.begin(who.String()); err != nil {
		return err
	}
	defer c.streams.end(who.String())
	return next(srv, ss)
}

// watchStart is a watch that holds seats from its request until it stands, which it tells by its header.
type watchStart struct {
	grpc.ServerStream
	controller *Controller
	full       string
	held       *request
	once       sync.Once
}

// RecvMsg implements grpc.ServerStream: the request has come when it returns, and its turn too.
func (w *watchStart) RecvMsg(req any) error {
	if err := w.ServerStream.RecvMsg(req); err != nil {
		return err
	}
	if w.held != nil {
		return nil
	}
	var err error
	w.held, err = w.controller.admit(w.Context(), w.controller.methods.of(w.full, req), req)
	return err
}

// SendHeader implements grpc.ServerStream.
func (w *watchStart) SendHeader(md metadata.MD) error {
	w.done()
	return w.ServerStream.SendHeader(md)
}

// SendMsg implements grpc.ServerStream.
func (w *watchStart) SendMsg(m any) error {
	w.done()
	return w.ServerStream.SendMsg(m)
}

func (w *watchStart) done() {
	w.once.Do(func() {
		if w.held != nil {
			w.controller.leave(w.held)
		}
	})
}
