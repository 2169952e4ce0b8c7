package client

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// warningHeader is the header in which the API server says what it stored although nothing acts on it.
const warningHeader = "kaji-warning"

type warningsKey struct{}

// WithWarnings has every call under ctx tell what the server warns of: fields that it stores and nothing acts on, values that are
// not what their writer may think. tell is called before the call returns, in its goroutine.
func WithWarnings(ctx context.Context, tell func(text string)) context.Context {
	return context.WithValue(ctx, warningsKey{}, tell)
}

// warning is a connection that passes warnings on.
type warning struct{ grpc.ClientConnInterface }

func (w warning) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	tell, _ := ctx.Value(warningsKey{}).(func(string))
	if tell == nil {
		return w.ClientConnInterface.Invoke(ctx, method, args, reply, options...)
	}
	var header metadata.MD
	err := w.ClientConnInterface.Invoke(ctx, method, args, reply, append(options[:len(options):len(options)], grpc.Header(&header))...)
	for _, text := range header.Get(warningHeader) {
		tell(plain(text))
	}
	return err
}

// plain undoes the escapes that a header needs for what is not ASCII.
func plain(text string) string {
	if out, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`); err == nil {
		return out
	}
	return text
}
