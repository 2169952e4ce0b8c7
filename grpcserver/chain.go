package grpcserver

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/identity"
)

// chain is what every call passes through before the interceptors of the service itself.
type chain struct {
	log     hclog.Logger
	calls   *callMetrics
	timeout time.Duration
}

func (c *chain) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	start := time.Now()
	ctx, who := withIdentity(ctx)
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	defer func() {
		if p := recover(); p != nil {
			err = c.recovered(info.FullMethod, p)
		}
		err = apierror.ToStatus(err)
		c.done(info.FullMethod, who, start, err)
	}()
	return next(ctx, req)
}

func (c *chain) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	start := time.Now()
	ctx, who := withIdentity(ss.Context())
	c.calls.streams.Inc()
	defer func() {
		c.calls.streams.Dec()
		if p := recover(); p != nil {
			err = c.recovered(info.FullMethod, p)
		}
		err = apierror.ToStatus(err)
		c.done(info.FullMethod, who, start, err)
	}()
	return next(srv, &contextStream{ServerStream: ss, ctx: ctx})
}

// withIdentity takes the identity from the certificate once, so that later readers need not.
func withIdentity(ctx context.Context) (context.Context, identity.Identity) {
	who, ok := identity.FromContext(ctx)
	if ok {
		ctx = identity.NewContext(ctx, who)
	}
	return ctx, who
}

func (c *chain) recovered(method string, p any) error {
	c.log.Error("panic in handler", "method", method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error: the handler panicked; see the server's log")
}

func (c *chain) done(method string, who identity.Identity, start time.Time, err error) {
	code := status.Code(err)
	took := time.Since(start)
	c.calls.observe(method, code, took)
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		c.log.Error("call failed", "method", method, "identity", who.String(), "code", code.String(), "duration", took, "error", err)
	default:
		if c.log.IsTrace() {
			c.log.Trace("call", "method", method, "identity", who.String(), "code", code.String(), "duration", took)
		}
	}
}

type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *contextStream) Context() context.Context { return s.ctx }
