package authz

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
)

// anonymous are the methods for callers without a certificate: nodes that join, and load balancers.
var anonymous = []string{
	apiv1.JoinService_Join_FullMethodName,
	"/grpc.health.v1.Health/Check",
	"/grpc.health.v1.Health/Watch",
}

// errUnknown is for callers without an identity.
var errUnknown = apierror.Unauthenticated("this method needs a client certificate of the cluster's CA")

// retryAfter is when a caller without an identity who found no room tries again.
const retryAfter = time.Second

// Unary refuses callers that proved no identity, except for the methods that are open to all.
func Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := authenticated(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// Stream is Unary for streams.
func Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := authenticated(ss.Context(), info.FullMethod); err != nil {
		return err
	}
	return next(srv, ss)
}

func authenticated(ctx context.Context, method string) error {
	if who, ok := identity.FromContext(ctx); ok && who.Name != "" {
		return nil
	}
	if slices.Contains(anonymous, method) {
		return nil
	}
	return errUnknown
}
