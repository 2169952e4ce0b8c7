package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
)

type forwardStream = grpc.BidiStreamingServer[corev1.PodPortForwardRequest, corev1.PodPortForwardResponse]

const (
	// maxForwards is how many connections are forwarded at once.
	maxForwards = 4096
	// linger is how long a pod may be silent after the caller's end before it is taken for the end of both: the runtime
	// interface cannot tell the pod that no more will come.
	linger = 30 * time.Second
	// forwardChunk is what is read at once of what a pod sends.
	forwardChunk = 32 << 10
)

// PortForward implements AgentService: one connection between the caller and a port of a pod. Neither side is read faster
// than the other takes it.
func (s *Server) PortForward(stream forwardStream) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return apierror.BadRequest("the first message of a forwarded connection must be its start")
	}
	port := start.GetPort()
	if port < 1 || port > 65535 {
		return apierror.BadRequest(fmt.Sprintf("port %d is not one of 1 to 65535", port),
			apierror.FieldViolation{Field: "start.port", Description: "must be from 1 to 65535", Reason: "FieldValueInvalid"})
	}
	select {
	case s.forwards <- struct{}{}:
		defer func() { <-s.forwards }()
	default:
		return apierror.TooManyRequests(fmt.Sprintf("the node forwards %d connections already", maxForwards), time.Second)
	}
	box, err := s.sandbox(start.GetNamespace(), start.GetName(), start.GetUid())
	if err != nil {
		return err
	}
	ctx, cancel := s.until(stream.Context())
	defer cancel()
	conn, err := s.runtime.PortForward(ctx, box, uint16(port))
	if err != nil {
		return forwardError(ctx, start, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	silence := &silence{after: s.linger, end: func() { _ = conn.CloseWrite() }}
	defer silence.stop()
	go forwardTo(stream, conn, silence, cancel) // ends with the stream
	return forwardError(ctx, start, forwardFrom(stream, conn, silence))
}

// forwardTo passes on what the caller sends.
func forwardTo(stream forwardStream, conn cri.Conn, silence *silence, gone context.CancelFunc) {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			silence.start()
			return
		}
		if err != nil {
			gone()
			return
		}
		if _, err := conn.Write(m.GetData()); err != nil {
			return // the reading side hears why
		}
	}
}

// forwardFrom passes on what the pod sends, until the pod has closed the connection.
func forwardFrom(stream forwardStream, conn cri.Conn, silence *silence) error {
	buffer := make([]byte, forwardChunk)
	for {
		n, err := conn.Read(buffer)
		if n > 0 {
			silence.broken()
			// Send has encoded the message when it returns: the buffer may be used again.
			if err := stream.Send(&corev1.PodPortForwardResponse{Data: buffer[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sandbox is the running sandbox of a pod, by its id.
func (s *Server) sandbox(namespace, name, uid string) (string, error) {
	p, ok := s.pods.Find(namespace, name, uid)
	if !ok || p.Pod == nil {
		return "", apierror.NotFound("pods.core", namespace, name)
	}
	best, ok := newestSandbox(p)
	if !ok {
		phase := p.Status.GetPhase()
		if phase == "" {
			phase = "Pending"
		}
		return "", apierror.FailedPrecondition(fmt.Sprintf("pod %q does not run: it is %s", name, phase))
	}
	return best.ID, nil
}

// newestSandbox is a pod's newest sandbox, if that is ready.
func newestSandbox(p pods.Snapshot) (best observed.Sandbox, ready bool) {
	for _, b := range p.Seen.Sandboxes {
		if best.ID == "" || b.Attempt > best.Attempt {
			best = b
		}
	}
	return best, best.Ready
}

// forwardError says why a connection ended.
func forwardError(ctx context.Context, start *corev1.PodPortForwardStart, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, cri.ErrRefused):
		return apierror.FailedPrecondition(fmt.Sprintf("nothing listens on port %d of pod %q", start.GetPort(), start.GetName())).WithCause(err)
	}
	return broken(ctx, fmt.Sprintf("the connection to port %d of pod %q broke", start.GetPort(), start.GetName()), err)
}

// silence calls end once nothing has been heard for a time after its start.
type silence struct {
	after time.Duration
	end   func()

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

func (s *silence) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil && !s.over {
		s.timer = time.AfterFunc(s.after, s.end)
	}
}

// broken says that something has been heard.
func (s *silence) broken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil && !s.over && s.timer.Stop() {
		s.timer.Reset(s.after)
	}
}

func (s *silence) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
