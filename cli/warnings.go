package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// warningHeader is the header in which the API server says what it stored and nothing acts on.
const warningHeader = "kaji-warning"

// warned is a connection that writes the server's warnings to out, each one once.
type warned struct {
	grpc.ClientConnInterface
	out io.Writer

	mu   sync.Mutex
	said map[string]bool
}

func withWarnings(conn grpc.ClientConnInterface, out io.Writer) grpc.ClientConnInterface {
	return &warned{ClientConnInterface: conn, out: out, said: map[string]bool{}}
}

func (w *warned) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	var header metadata.MD
	err := w.ClientConnInterface.Invoke(ctx, method, args, reply, append(options, grpc.Header(&header))...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range header.Get(warningHeader) {
		if !w.said[text] {
			w.said[text] = true
			fmt.Fprintln(w.out, "Warning:", plainWarning(text))
		}
	}
	return err
}

// plainWarning undoes the escapes that a header needs for what is not ASCII.
func plainWarning(text string) string {
	if plain, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`); err == nil {
		return plain
	}
	return text
}
