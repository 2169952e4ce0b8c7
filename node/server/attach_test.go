package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (w *world) attach(ctx context.Context, name string, o *corev1.PodAttachOptions) attachment {
	w.t.Helper()
	stream, err := w.agent.Attach(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	a := attachment{w.t, stream}
	a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Start{Start: &corev1.PodAttachStart{Namespace: "default", Name: name, Options: o}}})
	return a
}

type attachment struct {
	t      *testing.T
	stream interface {
		Send(*corev1.PodAttachRequest) error
		Recv() (*corev1.PodAttachResponse, error)
		CloseSend() error
	}
}

func (a attachment) send(m *corev1.PodAttachRequest) {
	a.t.Helper()
	if err := a.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		a.t.Fatal(err)
	}
}

func (a attachment) stdin(text string) {
	a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Stdin{Stdin: []byte(text)}})
}

// hears waits for a text on stdout.
func (a attachment) hears(text string) {
	a.t.Helper()
	var all string
	for !strings.Contains(all, text) {
		m, err := a.stream.Recv()
		if err != nil {
			a.t.Fatalf("%v after %q, without %q", err, all, text)
		}
		all += string(m.GetStdout())
	}
}

// end is how the stream ends.
func (a attachment) end() error {
	for {
		if _, err := a.stream.Recv(); err != nil {
			return err
		}
	}
}

var both = &corev1.PodAttachOptions{Stdin: true, Stdout: true, Stderr: true}

func TestAttachTalksWithTheProcess(t *testing.T) {
	w := newWorld(t)
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", "cat"}, Stdin: true, StdinOnce: true})
	watcher := w.attach(w.ctx, "web", &corev1.PodAttachOptions{Stdout: true})
	a := w.attach(w.ctx, "web", both)
	a.stdin("one\n")
	a.hears("one\n")
	a.stdin("two\n")
	a.hears("two\n")
	a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_CloseStdin{CloseStdin: true}})
	if err := a.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the process: %v", err)
	}
	if err := watcher.end(); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the process, for one who only listens: %v", err)
	}
	if err := w.attach(w.ctx, "web", both).end(); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "does not run") {
		t.Errorf("a process that has ended: %v", err)
	}
}

// Where the input of the process outlives attachments, the end of the input ends the attachment only.
func TestAttachDetaches(t *testing.T) {
	w := newWorld(t)
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", "cat"}, Stdin: true})
	for range 2 {
		a := w.attach(w.ctx, "web", both)
		a.stdin("again")
		a.hears("again")
		if err := a.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := a.end(); !errors.Is(err, io.EOF) {
			t.Errorf("the end of the input: %v", err)
		}
	}
}

func TestAttachWantsWhatTheContainerHas(t *testing.T) {
	w := newWorld(t)
	w.run("plain", &corev1.Container{Command: []string{"sh"}})
	w.run("terminal", &corev1.Container{Command: []string{"sh"}, Stdin: true, Tty: true})
	for _, c := range []struct {
		pod  string
		o    *corev1.PodAttachOptions
		code codes.Code
		says string
	}{
		{"plain", both, codes.FailedPrecondition, "no standard input"},
		{"plain", &corev1.PodAttachOptions{Stdout: true, Tty: true}, codes.FailedPrecondition, "no terminal"},
		{"terminal", both, codes.FailedPrecondition, "has a terminal"},
		{"terminal", &corev1.PodAttachOptions{Stdout: true, Stderr: true, Tty: true}, codes.InvalidArgument, "no stderr"},
		{"plain", &corev1.PodAttachOptions{}, codes.InvalidArgument, "at least one"},
		{"plain", &corev1.PodAttachOptions{Stdout: true, Container: "none"}, codes.InvalidArgument, "none"},
		{"absent", both, codes.NotFound, "absent"},
	} {
		if err := w.attach(w.ctx, c.pod, c.o).end(); status.Code(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.pod, c.o, err)
		}
	}
	stream, err := w.agent.Attach(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	a := attachment{t, stream}
	a.stdin("no start")
	if err := a.end(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without a start: %v", err)
	}
}

// An agent that stops says so, and the container goes on.
func TestStreamsEndWithTheAgent(t *testing.T) {
	w := newWorld(t)
	w.run("web", &corev1.Container{Command: []string{"sh", "-c", "nc -ll -p 80 -e cat"}, Stdin: true})
	a := w.attach(w.ctx, "web", &corev1.PodAttachOptions{Stdout: true})
	f := w.forward(w.ctx, "web", 80)
	f.data("hello")
	f.hears("hello")
	w.stop()
	for what, err := range map[string]error{"attach": a.end(), "port-forward": f.end()} {
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "agent is stopping") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
