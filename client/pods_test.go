package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// agent is a PodService whose one command is a few words of its own.
type agent struct {
	corev1.UnimplementedPodServiceServer
	ended chan error // how the log's call ended on the server
}

func (a *agent) GetPodLogs(r *corev1.PodLogsRequest, stream grpc.ServerStreamingServer[corev1.PodLogsResponse]) error {
	switch r.GetName() {
	case "absent":
		return apierror.ToStatus(apierror.NotFound("pods.core", r.GetNamespace(), r.GetName()))
	case "endless":
		for {
			if err := stream.Send(&corev1.PodLogsResponse{Data: []byte("line\n")}); err != nil {
				a.ended <- err
				return err
			}
		}
	}
	for _, piece := range []string{"first ", "line\nsec", "", "ond line\n"} {
		if err := stream.Send(&corev1.PodLogsResponse{Data: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) ExecPod(stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	out := func(text string) error {
		return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stdout{Stdout: []byte(text)}})
	}
	exit := func(code int32, message string) error {
		return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: code, Message: message}}})
	}
	switch o := first.GetStart().GetOptions(); o.GetCommand()[0] {
	case "cat":
		for {
			m, err := stream.Recv()
			if err != nil {
				return err
			}
			if m.GetCloseStdin() {
				return exit(0, "")
			}
			if err := out(string(m.GetStdin())); err != nil {
				return err
			}
		}
	case "size":
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetResize().GetWidth() != 80 {
			return exit(1, "")
		}
		return exit(0, "")
	case "false":
		if err := stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stderr{Stderr: []byte("no\n")}}); err != nil {
			return err
		}
		return exit(3, "")
	case "missing":
		return exit(127, "no such file")
	case "cut":
		return nil
	}
	return apierror.ToStatus(apierror.BadRequest("no such command"))
}

func podsOf(t *testing.T, a *agent) client.Pods {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	corev1.RegisterPodServiceServer(s, a)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///agent", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		<-done
	})
	return client.PodsOf(client.New(conn))
}

func TestLogsAreAReader(t *testing.T) {
	a := &agent{ended: make(chan error, 1)}
	pods := podsOf(t, a)
	log, err := pods.Logs(t.Context(), "default", "web", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := iotest.TestReader(log, []byte("first line\nsecond line\n")); err != nil {
		t.Error(err)
	}
	log, err = pods.Logs(t.Context(), "default", "absent", nil)
	if err == nil {
		_, err = io.ReadAll(log)
	}
	if !apierror.IsNotFound(err) {
		t.Errorf("no pod: %v", err)
	}
	// Closing ends the call on the server too.
	if log, err = pods.Logs(t.Context(), "default", "endless", &corev1.PodLogOptions{Follow: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(log, make([]byte, 100)); err != nil {
		t.Error(err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, log); apierror.ReasonOf(err) != apierror.ReasonCanceled {
		t.Errorf("reading what is closed: %v", err)
	}
	<-a.ended
}

func TestExec(t *testing.T) {
	pods := podsOf(t, &agent{})
	exec := func(s client.Streams, command ...string) error {
		return pods.Exec(t.Context(), "default", "web", &corev1.PodExecOptions{Command: command}, s)
	}
	var out, errs bytes.Buffer
	long := strings.Repeat("0123456789", 20_000)
	if err := exec(client.Streams{In: strings.NewReader(long), Out: &out}, "cat"); err != nil || out.String() != long {
		t.Errorf("cat gave %d bytes back, %v", out.Len(), err)
	}
	var exit *client.ExitError
	if err := exec(client.Streams{Err: &errs}, "false"); !errors.As(err, &exit) || exit.Code != 3 || errs.String() != "no\n" {
		t.Errorf("false: %v, said %q", err, errs.String())
	}
	if err := exec(client.Streams{}, "missing"); !errors.As(err, &exit) || exit.Code != 127 || exit.Error() != "no such file" {
		t.Errorf("missing: %v", err)
	}
	if err := exec(client.Streams{}, "cut"); !apierror.IsUnavailable(err) {
		t.Errorf("a stream that was cut: %v", err)
	}
	if err := exec(client.Streams{}, "other"); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a refusal: %v", err)
	}
	sizes := make(chan *corev1.TerminalSize, 1)
	sizes <- &corev1.TerminalSize{Width: 80, Height: 24}
	if err := exec(client.Streams{Resize: sizes}, "size"); err != nil {
		t.Errorf("resize: %v", err)
	}
	broken := errors.New("broken")
	if err := exec(client.Streams{In: iotest.ErrReader(broken)}, "cat"); !errors.Is(err, broken) {
		t.Errorf("an input that cannot be read: %v", err)
	}
	if err := exec(client.Streams{In: strings.NewReader("x"), Out: &brokenWriter{broken}}, "cat"); !errors.Is(err, broken) {
		t.Errorf("an output that cannot be written: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w *brokenWriter) Write([]byte) (int, error) { return 0, w.err }
