package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

type forwarded struct {
	t      *testing.T
	stream interface {
		Send(*corev1.PodPortForwardRequest) error
		Recv() (*corev1.PodPortForwardResponse, error)
		CloseSend() error
	}
}

func (w *world) forward(ctx context.Context, name string, port uint32) forwarded {
	w.t.Helper()
	stream, err := w.agent.PortForward(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	f := forwarded{w.t, stream}
	f.send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Start{Start: &corev1.PodPortForwardStart{Namespace: "default", Name: name, Port: port}}})
	return f
}

func (f forwarded) send(m *corev1.PodPortForwardRequest) {
	if err := f.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		f.t.Error(err)
	}
}

func (f forwarded) data(text string) {
	f.send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Data{Data: []byte(text)}})
}

// hears waits for exactly this.
func (f forwarded) hears(text string) {
	f.t.Helper()
	var all []byte
	for len(all) < len(text) {
		m, err := f.stream.Recv()
		if err != nil {
			f.t.Fatalf("%v after %d bytes of %d", err, len(all), len(text))
		}
		all = append(all, m.GetData()...)
	}
	if string(all) != text {
		f.t.Errorf("%d bytes came back otherwise", len(text))
	}
}

func (f forwarded) end() error {
	for {
		if _, err := f.stream.Recv(); err != nil {
			return err
		}
	}
}

const echoes = "nc -ll -p 80 -e cat"

func TestPortForwardCarriesConnections(t *testing.T) {
	w := newWorld(t)
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", echoes}})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			f := w.forward(w.ctx, "web", 80)
			text := string(bytes.Repeat([]byte{byte('a' + i)}, 1<<20))
			go f.data(text)
			f.hears(text)
		})
	}
	all.Wait()
}

// The answer comes although the caller has said that it will say no more, and the connection ends once it is silent.
func TestPortForwardAnswersAfterTheCallersEnd(t *testing.T) {
	w := newWorld(t)
	w.server.linger = 50 * time.Millisecond
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", echoes}})
	f := w.forward(w.ctx, "web", 80)
	f.data("question")
	if err := f.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	f.hears("question")
	if err := f.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
}

// One that does not read its answers holds up nobody but itself.
func TestPortForwardOfASlowReader(t *testing.T) {
	w := newWorld(t)
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", echoes}})
	ctx, cancel := context.WithCancel(w.ctx)
	slow := w.forward(ctx, "web", 80)
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		for ctx.Err() == nil {
			if slow.stream.Send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Data{Data: make([]byte, 64<<10)}}) != nil {
				return
			}
		}
	}()
	quick := w.forward(w.ctx, "web", 80)
	quick.data("quick")
	quick.hears("quick")
	cancel()
	<-blocked
	for len(w.server.forwards) > 1 { // the slow one's place is given back
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			t.Fatalf("%d connections are left", len(w.server.forwards))
		}
	}
}

func TestPortForwardRefuses(t *testing.T) {
	w := newWorld(t)
	id := w.run("web", &corev1.Container{Command: []string{"sh", "-c", echoes}})
	w.run("over", &corev1.Container{Command: []string{"sh", "-c", echoes}})
	if err := w.client.StopSandbox(w.ctx, w.sandboxes["over"]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pod  string
		port uint32
		code codes.Code
		says string
	}{
		{"web", 81, codes.FailedPrecondition, "nothing listens on port 81"},
		{"web", 0, codes.InvalidArgument, "port 0"},
		{"web", 65536, codes.InvalidArgument, "65536"},
		{"over", 80, codes.FailedPrecondition, "does not run"},
		{"absent", 80, codes.NotFound, "absent"},
	} {
		if err := w.forward(w.ctx, c.pod, c.port).end(); status.Code(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s:%d: %v", c.pod, c.port, err)
		}
	}
	f := w.forward(w.ctx, "web", 80)
	f.data("x")
	f.hears("x")
	w.runtime.Exit(id, 1)
	if err := f.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the container's end: %v", err)
	}
	w.server.forwards = make(chan struct{}) // room for none
	if err := w.forward(w.ctx, "web", 80).end(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
}
