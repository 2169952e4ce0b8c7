package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	"google.golang.org/grpc"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

type execStream = grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]

// Exec implements AgentService: the command's streams go between the caller and
// the runtime's streaming server.
func (s *Server) Exec(stream execStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return apierror.BadRequest("the first message of an exec must be its start")
	}
	o := start.GetOptions()
	if len(o.GetCommand()) == 0 {
		return apierror.BadRequest("an exec needs a command")
	}
	if o.GetTty() && o.GetStderr() {
		return apierror.BadRequest("a terminal has no stderr of its own: tty and stderr exclude each other")
	}
	if !o.GetStdin() && !o.GetStdout() && !o.GetStderr() {
		return apierror.BadRequest("an exec needs at least one of stdin, stdout, stderr")
	}
	p, name, err := s.container(start.GetNamespace(), start.GetName(), start.GetUid(), o.GetContainer())
	if err != nil {
		return err
	}
	all := attempts(p, name)
	if len(all) == 0 || all[0].State != observed.Running {
		return apierror.BadRequest(fmt.Sprintf("container %q in pod %q does not run", name, start.GetName()))
	}
	address, err := s.runtime.ExecURL(stream.Context(), cri.Exec{
		ContainerID: all[0].ID, Command: o.GetCommand(), TTY: o.GetTty(), Stdin: o.GetStdin(), Stdout: o.GetStdout(), Stderr: o.GetStderr(),
	})
	if err != nil {
		return apierror.FailedPrecondition(cri.Message(err)).WithCause(err)
	}
	return connect(stream, address, o)
}

// connect carries the streams until the command ends or the caller goes.
func connect(stream execStream, address string, o *corev1.PodExecOptions) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewSPDYExecutor(&rest.Config{}, http.MethodPost, u)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	in, inEnd := io.Pipe()
	sizes := &sizeQueue{ctx: ctx, next: make(chan remotecommand.TerminalSize, 1)}
	go receive(stream, inEnd, sizes, cancel) // ends with the stream

	var mu sync.Mutex // a gRPC stream takes one sender at a time
	send := func(m *corev1.PodExecResponse) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(m)
	}
	options := remotecommand.StreamOptions{Tty: o.GetTty()}
	if o.GetStdin() {
		options.Stdin = in
	}
	if o.GetStdout() {
		options.Stdout = sender(func(b []byte) error {
			return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stdout{Stdout: b}})
		})
	}
	if o.GetStderr() {
		options.Stderr = sender(func(b []byte) error {
			return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stderr{Stderr: b}})
		})
	}
	if o.GetTty() {
		options.TerminalSizeQueue = sizes
	}
	err = executor.StreamWithContext(ctx, options)
	inEnd.Close() // what the command has not read nobody will
	exit := &corev1.PodExecExit{}
	var code utilexec.CodeExitError
	switch {
	case errors.As(err, &code):
		exit.Code, exit.Message = int32(code.Code), code.Error()
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return apierror.FailedPrecondition("the command could not be run: " + err.Error()).WithCause(err)
	}
	return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: exit}})
}

// receive takes the caller's messages until it goes.
func receive(stream execStream, stdin *io.PipeWriter, sizes *sizeQueue, cancel context.CancelFunc) {
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF): // the caller has said all it will
			stdin.Close()
			return
		case err != nil:
			cancel()
			stdin.CloseWithError(err)
			return
		}
		switch m := m.GetMessage().(type) {
		case *corev1.PodExecRequest_Stdin:
			if _, err := stdin.Write(m.Stdin); err != nil {
				continue // the command reads no more
			}
		case *corev1.PodExecRequest_CloseStdin:
			stdin.Close()
		case *corev1.PodExecRequest_Resize:
			sizes.put(remotecommand.TerminalSize{Width: uint16(min(m.Resize.GetWidth(), 65535)), Height: uint16(min(m.Resize.GetHeight(), 65535))})
		}
	}
}

// sender is a writer that sends.
type sender func([]byte) error

func (s sender) Write(b []byte) (int, error) {
	if err := s(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// sizeQueue holds the newest size of the caller's terminal.
type sizeQueue struct {
	ctx  context.Context
	next chan remotecommand.TerminalSize
}

func (q *sizeQueue) put(s remotecommand.TerminalSize) {
	for {
		select {
		case q.next <- s:
			return
		default:
		}
		select {
		case <-q.next: // older
		default:
		}
	}
}

// Next implements remotecommand.TerminalSizeQueue.
func (q *sizeQueue) Next() *remotecommand.TerminalSize {
	select {
	case s := <-q.next:
		return &s
	case <-q.ctx.Done():
		return nil
	}
}
