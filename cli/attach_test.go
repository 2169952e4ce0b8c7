package cli_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

type attachStream = grpc.BidiStreamingServer[corev1.PodAttachRequest, corev1.PodAttachResponse]

const attachable = `---
apiVersion: v1
kind: Pod
metadata: {name: reader, namespace: default}
spec: {nodeName: n1, containers: [{name: main, image: i, stdin: true}, {name: plain, image: i}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: shell, namespace: default}
spec: {nodeName: n1, containers: [{name: main, image: i, stdin: true, tty: true}]}
status: {phase: Running}
`

// upper says in capitals on stdout what it is told, and ends with its input.
func upper(start *corev1.PodAttachStart, stream attachStream) error {
	if err := stream.Send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stderr{Stderr: []byte(fmt.Sprintf("%s %v\n", start.GetName(), start.GetOptions().GetStdin()))}}); err != nil {
		return err
	}
	for start.GetOptions().GetStdin() {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) || m.GetCloseStdin() {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stdout{Stdout: []byte(strings.ToUpper(string(m.GetStdin())))}}); err != nil {
			return err
		}
	}
	return nil
}

func TestAttachPassesStreams(t *testing.T) {
	s, n, _ := newNodeOf(t, running+twoContainers+attachable)
	n.attach = upper
	s.in = "typed"
	if r := s.run("attach", "-i", "reader", "-c", "main"); r != (result{"TYPED", "reader true\n", 0}) {
		t.Errorf("%+v", r)
	}
	if r := s.run("attach", "reader", "-c", "main"); r != (result{"", "reader false\n", 0}) {
		t.Errorf("without -i: %+v", r)
	}
	if r := s.run("attach", "-it", "reader", "-c", "plain"); r.code != 0 || !strings.Contains(r.err, "no standard input") || !strings.Contains(r.err, "no terminal") || !strings.Contains(r.err, "reader false") {
		t.Errorf("a container without either: %+v", r)
	}
	if r := s.run("attach", "-itq", "reader", "-c", "plain"); r.err != "reader false\n" {
		t.Errorf("quiet: %+v", r)
	}
	if r := s.run("attach", "deployment/web"); r.code != 0 || !strings.Contains(r.err, "using pod/web-1") {
		t.Errorf("a deployment: %+v", r)
	}
	n.attach = func(*corev1.PodAttachStart, attachStream) error {
		return apierror.ToStatus(apierror.Unavailable("the node's agent is stopping"))
	}
	s.fails([]string{"agent is stopping"}, "attach", "reader", "-c", "main")
	s.fails([]string{"has ended (Succeeded)", "kaji logs done"}, "attach", "done")
	s.fails([]string{"does not run after", "kaji why web-2"}, "attach", "web-2", "--pod-running-timeout=50ms")
	s.fails([]string{"not found"}, "attach", "nothing")
	s.fails([]string{"has no container"}, "attach", "reader", "-c", "nope")
}

func TestAttachOnATerminal(t *testing.T) {
	user, program := openTerminal(t)
	resize(t, program, 100, 30)
	s, n, _ := newNodeOf(t, attachable)
	s.stdin = program
	sizes, typed := make(chan string, 8), make(chan string, 8)
	n.attach = func(start *corev1.PodAttachStart, stream attachStream) error {
		if o := start.GetOptions(); !o.GetTty() || o.GetStderr() || !o.GetStdin() {
			return fmt.Errorf("options are %v", o)
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				return err
			}
			if r := m.GetResize(); r != nil {
				sizes <- fmt.Sprintf("%dx%d", r.GetWidth(), r.GetHeight())
			}
			if b := m.GetStdin(); len(b) > 0 {
				typed <- string(b)
				if b[0] == 'q' {
					return nil
				}
			}
		}
	}
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "attach", "-it", "shell")
	// A size that changes makes a program that runs already draw its screen.
	if a, b := <-sizes, <-sizes; a != "101x31" || b != "100x30" {
		t.Errorf("the sizes at first are %s, %s", a, b)
	}
	if _, err := user.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if got := <-typed; got != "\x03" {
		t.Errorf("typed %q", got)
	}
	if !isRaw(t, program) {
		t.Error("the terminal is not raw")
	}
	resize(t, program, 120, 40)
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	if got := <-sizes; got != "120x40" {
		t.Errorf("the size after a change is %s", got)
	}
	if _, err := user.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
	if isRaw(t, program) {
		t.Error("the terminal stays raw")
	}
}
