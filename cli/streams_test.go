package cli_test

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const twoContainers = `---
apiVersion: v1
kind: Pod
metadata: {name: pair, namespace: default, labels: {app: pair}}
spec: {nodeName: n1, initContainers: [{name: init}], containers: [{name: main, image: i}, {name: side, image: i}]}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: default}
spec: {nodeName: n1, containers: [{name: main, image: i}]}
status: {phase: Succeeded}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {selector: {matchLabels: {app: web}}, template: {}}
`

// node serves logs and exec as an API server does.
type node struct {
	corev1.UnimplementedPodServiceServer

	mu   sync.Mutex
	logs []*corev1.PodLogsRequest
	// exec is how a command behaves.
	exec func(start *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error
	// attach is how a process does, forward what listens at a port.
	attach  func(start *corev1.PodAttachStart, stream grpc.BidiStreamingServer[corev1.PodAttachRequest, corev1.PodAttachResponse]) error
	forward func(start *corev1.PodPortForwardStart, stream grpc.BidiStreamingServer[corev1.PodPortForwardRequest, corev1.PodPortForwardResponse]) error
}

func (n *node) GetPodLogs(r *corev1.PodLogsRequest, stream grpc.ServerStreamingServer[corev1.PodLogsResponse]) error {
	n.mu.Lock()
	n.logs = append(n.logs, r)
	n.mu.Unlock()
	if r.GetOptions().GetPrevious() {
		return apierror.ToStatus(apierror.BadRequest("there is no previous container"))
	}
	who := r.GetName() + "/" + r.GetOptions().GetContainer()
	for _, piece := range []string{"first of " + who + "\nsec", "ond of " + who + "\n", "no end"} {
		if err := stream.Send(&corev1.PodLogsResponse{Data: []byte(piece)}); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) ExecPod(stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	return n.exec(first.GetStart(), stream)
}

func (n *node) AttachPod(stream grpc.BidiStreamingServer[corev1.PodAttachRequest, corev1.PodAttachResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	return n.attach(first.GetStart(), stream)
}

func (n *node) PortForwardPod(stream grpc.BidiStreamingServer[corev1.PodPortForwardRequest, corev1.PodPortForwardResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	return n.forward(first.GetStart(), stream)
}

func newNode(t *testing.T) (*shell, *node) {
	t.Helper()
	s, n, _ := newNodeOf(t, running+twoContainers)
	return s, n
}

// newNodeOf is a node, and the API in memory that knows those objects.
func newNodeOf(t *testing.T, objects string) (*shell, *node, *fake.Server) {
	t.Helper()
	n := &node{}
	conn := serve(t, func(s *grpc.Server) { corev1.RegisterPodServiceServer(s, n) })
	api := server(t, objects)
	methods := []string{"/kaji.core.v1.PodService/GetPodLogs", "/kaji.core.v1.PodService/ExecPod", "/kaji.core.v1.PodService/AttachPod", "/kaji.core.v1.PodService/PortForwardPod"}
	return newShell(t, client.New(&join{api: api, other: conn, methods: methods})), n, api
}

func TestLogs(t *testing.T) {
	s, n := newNode(t)
	if out := s.ok("logs", "web-1"); out != "first of web-1/web\nsecond of web-1/web\nno end" {
		t.Errorf("%q", out)
	}
	r := s.run("logs", "deployment/web", "--tail=5", "--since=90s", "--timestamps")
	if !strings.Contains(r.err, "Found 2 pods, using pod/web-1") || !strings.HasPrefix(r.out, "first of web-1") {
		t.Errorf("%+v", r)
	}
	o := n.logs[len(n.logs)-1].GetOptions()
	if o.GetTailLines() != 5 || o.GetSinceSeconds() != 90 || !o.GetTimestamps() || o.GetFollow() {
		t.Errorf("%v", o)
	}
	if r := s.run("logs", "pair"); !strings.Contains(r.err, `Defaulted container "main" out of: init, main, side`) || !strings.Contains(r.out, "pair/main") {
		t.Errorf("%+v", r)
	}
	if out := s.ok("logs", "pair", "-c", "side"); !strings.Contains(out, "pair/side") {
		t.Error(out)
	}
	out := s.ok("logs", "-l", "app", "--all-containers", "--prefix")
	for _, line := range []string{"[pod/pair/init] first of pair/init\n", "[pod/web-1/web] second of web-1/web\n", "[pod/web-2/web] no end\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if o := n.logs[len(n.logs)-1].GetOptions(); o.GetTailLines() != 10 || o.GetFollow() {
		t.Errorf("%v", o)
	}
	s.fails([]string{"there is no previous container"}, "logs", "web-1", "--previous")
	s.fails([]string{`has no container "mian"`, `did you mean "main"?`}, "logs", "pair", "-c", "mian")
	s.fails([]string{"not both"}, "logs", "web-1", "--since=1s", "--since-time=2026-11-23T11:00:00Z")
	s.fails([]string{"follow 5 logs at once", "--max-log-requests=5"}, "logs", "-f", "-l", "app", "--all-containers", "--max-log-requests=2")
	s.fails([]string{"give a pod"}, "logs")
	s.fails([]string{"nodes has no pods"}, "logs", "node/n1")
}

func TestExecPassesStreamsAndStatus(t *testing.T) {
	s, n := newNode(t)
	n.exec = func(start *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
		var in bytes.Buffer
		for start.GetOptions().GetStdin() {
			m, err := stream.Recv()
			if err == io.EOF || m.GetCloseStdin() {
				break
			}
			if err != nil {
				return err
			}
			in.Write(m.GetStdin())
		}
		text := start.GetName() + "/" + start.GetOptions().GetContainer() + " " + strings.Join(start.GetOptions().GetCommand(), " ") + ": " + in.String()
		for _, m := range []*corev1.PodExecResponse{
			{Message: &corev1.PodExecResponse_Stdout{Stdout: []byte(text)}},
			{Message: &corev1.PodExecResponse_Stderr{Stderr: []byte("careful")}},
			{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: 7}}},
		} {
			if err := stream.Send(m); err != nil {
				return err
			}
		}
		return nil
	}
	s.in = "typed"
	if r := s.run("exec", "-i", "web-1", "--", "sh", "-c", "exit 7"); r != (result{"web-1/web sh -c exit 7: typed", "careful", 7}) {
		t.Errorf("%+v", r)
	}
	if r := s.run("exec", "pair", "-c", "side", "--", "ls", "-l"); r != (result{"pair/side ls -l: ", "careful", 7}) {
		t.Errorf("%+v", r)
	}
	s.fails([]string{"which command?"}, "exec", "web-1")
	s.fails([]string{"in which pod?"}, "exec", "--", "ls")
	s.fails([]string{"has ended (Succeeded)"}, "exec", "done", "--", "ls")
}

func TestExecThatCannotRun(t *testing.T) {
	s, n := newNode(t)
	end := func(x *corev1.PodExecExit) {
		n.exec = func(_ *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
			if x == nil {
				return nil
			}
			return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: x}})
		}
	}
	end(&corev1.PodExecExit{Code: 127, Message: "sh: not found"})
	if r := s.run("exec", "web-1", "--", "sh"); r.code != 127 || !strings.Contains(r.err, "sh: not found") {
		t.Errorf("%+v", r)
	}
	end(&corev1.PodExecExit{})
	if r := s.run("exec", "web-1", "--", "true"); r != (result{}) {
		t.Errorf("%+v", r)
	}
	end(nil)
	s.fails([]string{"ended before the command did"}, "exec", "web-1", "--", "sh")
	n.exec = func(*corev1.PodExecStart, grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
		return apierror.ToStatus(apierror.Unavailable("node n1 does not answer"))
	}
	s.fails([]string{"node n1 does not answer"}, "exec", "web-1", "--", "sh")
}
