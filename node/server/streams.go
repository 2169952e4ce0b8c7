package server

import (
	"context"
	"errors"
	"io"
	"time"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
)

// drainGrace is how long streams may go on once the agent stops. It is shorter than the server's own patience, so
// that callers hear why.
const drainGrace = 3 * time.Second

var errStopping = apierror.Unavailable("the node's agent is stopping; the containers go on running")

// until is a context that ends with the caller, or some time after the agent began to stop, with errStopping as its cause.
func (s *Server) until(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	unhook := context.AfterFunc(s.serving, func() {
		timer := time.NewTimer(drainGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(errStopping)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}

// message is what a caller sends to a process.
type message struct {
	stdin []byte
	close bool
	size  *corev1.TerminalSize
}

// input passes a caller's messages on to a process. Nothing is kept: what the process does not read, the caller cannot send.
type input struct {
	reader *io.PipeReader
	writer *io.PipeWriter
	sizes  chan cri.Size
	// wanted is false when the process gets no standard input; what comes is dropped.
	wanted bool
}

func newInput(wanted bool) *input {
	in := &input{sizes: make(chan cri.Size, 1), wanted: wanted}
	in.reader, in.writer = io.Pipe()
	return in
}

// streams are those of a process that writes with stdout and stderr.
func (in *input) streams(tty, out, err bool, stdout, stderr sender) cri.Streams {
	s := cri.Streams{TTY: tty}
	if in.wanted {
		s.Stdin = in.reader
	}
	if out {
		s.Stdout = stdout
	}
	if err {
		s.Stderr = stderr
	}
	if tty {
		s.Sizes = in.sizes
	}
	return s
}

// receive takes messages until the caller has said all, or is gone, which gone is told.
func (in *input) receive(recv func() (message, error), gone context.CancelFunc) {
	for {
		m, err := recv()
		switch {
		case errors.Is(err, io.EOF):
			in.writer.Close()
			return
		case err != nil:
			gone()
			in.writer.CloseWithError(err)
			return
		}
		if len(m.stdin) > 0 && in.wanted {
			_, _ = in.writer.Write(m.stdin) // a process that reads no more is no reason to stop listening
		}
		if m.close {
			in.writer.Close()
		}
		if m.size != nil {
			in.resize(cri.Size{Width: uint16(min(m.size.GetWidth(), 65535)), Height: uint16(min(m.size.GetHeight(), 65535))})
		}
	}
}

// resize leaves the newest size for whoever comes to read it. There is one writer.
func (in *input) resize(s cri.Size) {
	select {
	case <-in.sizes: // older
	default:
	}
	in.sizes <- s
}

// end lets go of what the process has not read.
func (in *input) end() { in.reader.Close() }

// sender is a writer that sends.
type sender func([]byte) error

func (s sender) Write(b []byte) (int, error) {
	if err := s(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// broken is why the way to the runtime ended: the caller is gone, the agent stops, or the runtime's own words after what.
func broken(ctx context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cri.IsUnavailable(err):
		return apierror.Unavailable(what + ": " + cri.Message(err)).WithCause(err)
	}
	return apierror.FailedPrecondition(what + ": " + cri.Message(err)).WithCause(err)
}
