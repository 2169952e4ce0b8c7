package cri

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"google.golang.org/grpc/codes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

// Streams are what a command, or the process of a container, is connected with. What is nil is left out.
type Streams struct {
	// Stdin is read until it ends, or what it feeds does; the reading is not waited for then.
	Stdin io.Reader
	// Stdout and Stderr are written to by one goroutine each. Writers that wait make the process wait.
	Stdout, Stderr io.Writer
	// TTY says that it is a terminal, whose error output comes with the rest: Stderr must be nil.
	TTY bool
	// Sizes of the caller's terminal, the newest last.
	Sizes <-chan Size
}

// Size is the size of a terminal in characters.
type Size struct{ Width, Height uint16 }

// ExitError is the end of a command with an exit status other than 0.
type ExitError struct {
	Code int
	// Message is the runtime's.
	Message string
}

func (e *ExitError) Error() string { return e.Message }

// connect carries the streams to and from an address of the runtime's streaming server, which is good for one use.
func (s Streams) connect(ctx context.Context, op, id, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return &Error{Op: op, ID: id, Code: codes.Internal, Message: err.Error()}
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{}, http.MethodPost, u)
	if err != nil {
		return &Error{Op: op, ID: id, Code: codes.Internal, Message: err.Error()}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // which ends the size queue
	options := remotecommand.StreamOptions{Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, Tty: s.TTY}
	if s.TTY && s.Sizes != nil {
		options.TerminalSizeQueue = &sizes{ctx, s.Sizes}
	}
	err = executor.StreamWithContext(ctx, options)
	var exit utilexec.CodeExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return &ExitError{Code: exit.Code, Message: exit.Error()}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return &Error{Op: op, ID: id, Code: codes.Unknown, Message: fmt.Sprint(err)}
}

// sizes implements remotecommand.TerminalSizeQueue.
type sizes struct {
	ctx  context.Context
	next <-chan Size
}

// Next waits for a size; nil is the end.
func (q *sizes) Next() *remotecommand.TerminalSize {
	select {
	case s, ok := <-q.next:
		if !ok {
			return nil
		}
		return &remotecommand.TerminalSize{Width: s.Width, Height: s.Height}
	case <-q.ctx.Done():
		return nil
	}
}
