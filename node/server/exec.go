package server

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

type execStream = grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]

// Exec implements AgentService: the command's streams go between the caller and the runtime.
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

	ctx, cancel := s.until(stream.Context())
	defer cancel()
	in := newInput(o.GetStdin())
	defer in.end()
	go in.receive(func() (message, error) { // ends with the stream
		m, err := stream.Recv()
		return message{m.GetStdin(), m.GetCloseStdin(), m.GetResize()}, err
	}, cancel)
	var mu sync.Mutex // a gRPC stream takes one sender at a time
	send := func(m *corev1.PodExecResponse) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(m)
	}
	err = s.runtime.Exec(ctx, all[0].ID, o.GetCommand(), in.streams(o.GetTty(), o.GetStdout(), o.GetStderr(),
		func(b []byte) error {
			return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stdout{Stdout: b}})
		},
		func(b []byte) error {
			return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stderr{Stderr: b}})
		}))
	exit := &corev1.PodExecExit{}
	var code *cri.ExitError
	switch {
	case errors.As(err, &code):
		exit.Code, exit.Message = int32(code.Code), code.Message
	case err != nil:
		return broken(ctx, "the command could not be run", err)
	}
	return send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: exit}})
}
