package authz

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc/tap"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/identity"
)

// Gate keeps callers who proved no identity from using up the server. It looks at a call when its headers have come:
// the interceptors, which look again, run when the whole request has been read.
type Gate struct {
	limit int64
	open  atomic.Int64
}

// NewGate lets limit calls without a certificate be under way at once, over all connections.
func NewGate(limit int) *Gate { return &Gate{limit: int64(limit)} }

// Tap is for grpc.InTapHandle.
func (g *Gate) Tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if who, ok := identity.FromContext(ctx); ok && who.Name != "" {
		return ctx, nil
	}
	if !slices.Contains(anonymous, info.FullMethodName) {
		return ctx, apierror.ToStatus(errUnknown)
	}
	if g.open.Add(1) > g.limit {
		g.open.Add(-1)
		return ctx, apierror.ToStatus(apierror.TooManyRequests(
			fmt.Sprintf("more than %d calls without a client certificate are under way; try again", g.limit), retryAfter))
	}
	// The context ends with the call, however that ends.
	context.AfterFunc(ctx, func() { g.open.Add(-1) })
	return ctx, nil
}
