package server

import (
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
	"kaji.dev/kaji/node/pods/plan"
)

type attachStream = grpc.BidiStreamingServer[corev1.PodAttachRequest, corev1.PodAttachResponse]

// Attach implements AgentService: the streams of a container's process go between the caller and the runtime.
func (s *Server) Attach(stream attachStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return apierror.BadRequest("the first message of an attach must be its start")
	}
	o := start.GetOptions()
	p, name, err := s.container(start.GetNamespace(), start.GetName(), start.GetUid(), o.GetContainer())
	if err != nil {
		return err
	}
	if err := attachable(spec(p, name), o); err != nil {
		return err
	}
	all := attempts(p, name)
	if len(all) == 0 || all[0].State != observed.Running {
		return apierror.FailedPrecondition(fmt.Sprintf("container %q in pod %q does not run", name, start.GetName()))
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
	send := func(m *corev1.PodAttachResponse) error {
		mu.Lock()
		defer mu.Unlock()
		return stream.Send(m)
	}
	err = s.runtime.Attach(ctx, all[0].ID, in.streams(o.GetTty(), o.GetStdout(), o.GetStderr(),
		func(b []byte) error {
			return send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stdout{Stdout: b}})
		},
		func(b []byte) error {
			return send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stderr{Stderr: b}})
		}))
	if err != nil {
		return broken(ctx, fmt.Sprintf("container %q in pod %q cannot be attached to", name, start.GetName()), err)
	}
	return nil
}

// attachable tells why a container does not have what is asked of it.
func attachable(c *corev1.Container, o *corev1.PodAttachOptions) error {
	switch {
	case o.GetTty() && o.GetStderr():
		return apierror.BadRequest("a terminal has no stderr of its own: tty and stderr exclude each other")
	case !o.GetStdin() && !o.GetStdout() && !o.GetStderr():
		return apierror.BadRequest("an attach needs at least one of stdin, stdout, stderr")
	case o.GetStdin() && !c.GetStdin():
		return apierror.FailedPrecondition(fmt.Sprintf("container %q has no standard input: its specification does not say stdin: true", c.GetName()))
	case o.GetTty() && !c.GetTty():
		return apierror.FailedPrecondition(fmt.Sprintf("container %q has no terminal: its specification does not say tty: true", c.GetName()))
	case !o.GetTty() && c.GetTty():
		return apierror.FailedPrecondition(fmt.Sprintf("container %q has a terminal: attach with tty, and without stderr", c.GetName()))
	}
	return nil
}

// spec is the specification of a pod's container.
func spec(p pods.Snapshot, name string) *corev1.Container {
	for _, all := range [][]*corev1.Container{p.Pod.GetSpec().GetContainers(), p.Pod.GetSpec().GetInitContainers()} {
		for _, c := range all {
			if c.GetName() == name {
				return c
			}
		}
	}
	for _, e := range p.Pod.GetSpec().GetEphemeralContainers() {
		if c := plan.Ephemeral(e); c.GetName() == name {
			return c
		}
	}
	return nil
}
