package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"kaji.dev/kaji/kind"
)

// warningHeader is where a client finds what it should know of a write that was done.
const warningHeader = "kaji-warning"

const (
	// maxWarnings and maxWarningBytes bound what one call is told: headers are no place for long lists.
	maxWarnings     = 50
	maxWarningBytes = 4 << 10
)

// warnings collects what a part of a call has to say, in place of the call's header.
type warnings struct {
	mu  sync.Mutex
	all []string
}

type warningsKey struct{}

// collectWarnings has the warnings of everything done with the context kept instead of sent; the function returns them.
func collectWarnings(ctx context.Context) (context.Context, func() []string) {
	w := &warnings{}
	return context.WithValue(ctx, warningsKey{}, w), func() []string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.all
	}
}

// warn tells the client of what is odd about an object that it wrote: fields that nothing acts on, and old ways.
func (r *resource) warn(ctx context.Context, o kind.Object) { tell(ctx, r.strategy.Warnings(o)) }

// tell gives the client of a call warnings.
func tell(ctx context.Context, all []string) {
	if len(all) == 0 {
		return
	}
	if w, ok := ctx.Value(warningsKey{}).(*warnings); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, all...)
		return
	}
	md := metadata.MD{}
	size := 0
	for i, text := range slices.Compact(slices.Clone(all)) {
		text = headerText(text)
		if size += len(text); i == maxWarnings || size > maxWarningBytes {
			md.Append(warningHeader, "there are more warnings than are told here")
			break
		}
		md.Append(warningHeader, text)
	}
	// Without a gRPC stream in ctx (calls from within) there is nobody to warn.
	_ = grpc.SetHeader(ctx, md)
}

// headerText keeps to what a header may hold: printable ASCII.
func headerText(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
