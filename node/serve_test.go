package node

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/client"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/identity"
)

// exec runs a command; script speaks with it, if given.
func (w *world) exec(o *corev1.PodExecOptions, script func(send func(*corev1.PodExecRequest), sofar func() string)) (stdout, stderr string, code int32, err error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := w.call(identity.APIServer).Exec(ctx)
	if err != nil {
		return "", "", 0, err
	}
	send := func(m *corev1.PodExecRequest) {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			w.t.Error(err)
		}
	}
	send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Start{Start: &corev1.PodExecStart{Namespace: "default", Name: "web", Options: o}}})
	step := 0
	for {
		if script != nil {
			script(send, func() string { step++; return stdout })
		}
		m, err := stream.Recv()
		if err != nil {
			return stdout, stderr, 0, err
		}
		switch m := m.GetMessage().(type) {
		case *corev1.PodExecResponse_Stdout:
			stdout += string(m.Stdout)
		case *corev1.PodExecResponse_Stderr:
			stderr += string(m.Stderr)
		case *corev1.PodExecResponse_Exit:
			return stdout, stderr, m.Exit.GetCode(), nil
		}
	}
}

func TestServing(t *testing.T) {
	w := newWorld(t, "serves")
	w.start()
	w.create(pod("web", "for i in 1 2 3; do echo line $i; done; echo oops >&2; touch /tmp/said; "+sleeper, func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"cat", "/tmp/said"}}}}
	}))
	w.await("web", "running", isRunning)

	t.Run("logs", func(t *testing.T) {
		four, five := int64(4), int64(5)
		stdout, stderr := "Stdout", "Stderr" // how they lie among each other is up to the runtime
		for _, c := range []struct {
			name string
			o    *corev1.PodLogOptions
			want string
		}{
			{"all of stdout", &corev1.PodLogOptions{Stream: &stdout}, "line 1\nline 2\nline 3\n"},
			{"stderr", &corev1.PodLogOptions{Stream: &stderr}, "oops\n"},
			{"tail", &corev1.PodLogOptions{TailLines: &four, Stream: &stdout}, "line 1\nline 2\nline 3\n"},
			{"limit", &corev1.PodLogOptions{LimitBytes: &five, Container: "main", Stream: &stdout}, "line "},
		} {
			if got := w.logs(t, &corev1.PodLogsRequest{Namespace: "default", Name: "web", Options: c.o}); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
	})
	t.Run("exec", func(t *testing.T) {
		out, errs, code, err := w.exec(&corev1.PodExecOptions{Stdout: true, Stderr: true, Command: []string{"sh", "-c", "echo out; echo err >&2; exit 7"}}, nil)
		if err != nil || out != "out\n" || errs != "err\n" || code != 7 {
			t.Errorf("%q %q %d %v", out, errs, code, err)
		}
	})
	t.Run("exec with stdin", func(t *testing.T) {
		sent := false
		out, _, code, err := w.exec(&corev1.PodExecOptions{Stdin: true, Stdout: true, Command: []string{"cat"}}, func(send func(*corev1.PodExecRequest), _ func() string) {
			if !sent {
				send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Stdin{Stdin: []byte("there and back\n")}})
				send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_CloseStdin{CloseStdin: true}})
				sent = true
			}
		})
		if err != nil || out != "there and back\n" || code != 0 {
			t.Errorf("%q %d %v", out, code, err)
		}
	})
	t.Run("exec with a terminal", func(t *testing.T) {
		phase := 0
		out, _, code, err := w.exec(&corev1.PodExecOptions{Stdin: true, Stdout: true, Tty: true, Command: []string{"sh", "-c", "echo ready; read x; until stty size 2>/dev/null | grep 33; do sleep 0.1; done; echo $x"}},
			func(send func(*corev1.PodExecRequest), sofar func() string) {
				if phase == 0 {
					send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Resize{Resize: &corev1.TerminalSize{Width: 81, Height: 33}}})
					phase = 1
				}
				if phase == 1 && strings.Contains(sofar(), "ready") {
					send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Stdin{Stdin: []byte("word\n")}})
					phase = 2
				}
			})
		if err != nil || !strings.Contains(out, "33 81") || !strings.Contains(out, "word") || code != 0 {
			t.Errorf("%q %d %v", out, code, err)
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		if _, _, _, err := w.exec(&corev1.PodExecOptions{Stdout: true, Container: "none", Command: []string{"true"}}, nil); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a container that is not there: %v", err)
		}
		if _, _, _, err := w.exec(&corev1.PodExecOptions{Stdout: true}, nil); status.Code(err) != codes.InvalidArgument {
			t.Errorf("no command: %v", err)
		}
		if _, _, code, err := w.exec(&corev1.PodExecOptions{Stdout: true, Command: []string{"/none"}}, nil); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "/none") {
			t.Errorf("a command that is not there: %d %v", code, err)
		}
	})
	t.Run("who may", func(t *testing.T) {
		for who, groups := range map[string][]string{"someone": {"people"}, identity.NodeName("other"): {identity.GroupNodes}, identity.Scheduler: {identity.GroupComponents}} {
			if _, err := w.call(who, groups...).Pods(context.Background(), &agentv1.PodsRequest{}); status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s: %v", who, err)
			}
		}
		all, err := w.call("boss", identity.GroupMasters).Pods(context.Background(), &agentv1.PodsRequest{})
		if err != nil || len(all.GetPods()) != 1 || all.GetPods()[0].GetName() != "web" || all.GetPods()[0].GetState() != "Running" || all.GetPods()[0].GetSandboxId() == "" {
			t.Errorf("%v %v", all, err)
		}
	})
	t.Run("following a log ends with the container", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stream, err := w.call(identity.APIServer).Logs(ctx, &corev1.PodLogsRequest{Namespace: "default", Name: "web", Options: &corev1.PodLogOptions{Follow: true}})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || !strings.Contains(string(m.GetData()), "line 1") {
			t.Errorf("%v %v", m, err)
		}
		w.delete("web", 5)
		for err == nil {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	w.await("web", "gone", isGone)
	w.nothingLeft()
}

func TestTwoAgentsShareARuntime(t *testing.T) {
	one, two := newWorld(t, "share-1"), newWorld(t, "share-2")
	stop := one.start()
	two.start()
	one.create(pod("web", sleeper))
	two.create(pod("web", sleeper))
	a, b := one.await("web", "running", isRunning), two.await("web", "running", isRunning)
	if a.Status.PodIp == b.Status.PodIp {
		t.Errorf("both have %s", a.Status.PodIp)
	}
	stop()
	one.delete("web", 0)
	one.start() // its pod is an orphan now; the other's is not its business
	one.create(pod("next", sleeper))
	one.await("next", "running", isRunning)
	one.delete("next", 5)
	one.await("next", "gone", isGone)
	p, err := client.Of[*corev1.Pod](two.api).Get(context.Background(), "default", "web")
	if err != nil || !isRunning(p) || containerOf(p, "main").GetRestartCount() != 0 {
		t.Errorf("%v %v", p, err)
	}
	two.delete("web", 5)
	two.await("web", "gone", isGone)
	two.nothingLeft()
}

func TestNodeRegisters(t *testing.T) {
	w := newWorld(t, "registers")
	w.start()
	w.create(pod("web", sleeper))
	w.await("web", "running", isRunning)
	n, err := client.Of[*corev1.Node](w.api).Get(context.Background(), "", "registers")
	if err != nil {
		t.Fatal(err)
	}
	st := n.GetStatus()
	if st.GetCapacity()["pods"].GetString_() != "110" || st.GetCapacity()["cpu"].GetString_() == "" || st.GetNodeInfo().GetOsImage() == "" ||
		!strings.HasPrefix(st.GetNodeInfo().GetContainerRuntimeVersion(), "containerd://") || st.GetDaemonEndpoints().GetKubeletEndpoint().GetPort() == 0 ||
		n.GetMetadata().GetLabels()["kubernetes.io/hostname"] != "registers" {
		t.Errorf("%v", n)
	}
	for _, c := range st.GetConditions() {
		if want := map[bool]string{true: "True", false: "False"}[c.GetType() == "Ready"]; c.GetStatus() != want {
			t.Errorf("%v", c)
		}
	}
	machine.Kill()
	w.agent.keeper.Poke()
	awaitNode(w, "not ready", func(n *corev1.Node) bool { return readyOf(n) == "False" })
	if err := machine.Up(); err != nil {
		t.Fatal(err)
	}
	w.agent.keeper.Poke()
	awaitNode(w, "ready", func(n *corev1.Node) bool { return readyOf(n) == "True" })
}

func readyOf(n *corev1.Node) string {
	for _, c := range n.GetStatus().GetConditions() {
		if c.GetType() == "Ready" {
			return c.GetStatus()
		}
	}
	return ""
}

func awaitNode(w *world, what string, ok func(*corev1.Node) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nodes := client.Of[*corev1.Node](w.api)
	watch, err := nodes.Watch(ctx, "", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer watch.Stop()
	n, err := nodes.Get(ctx, "", w.node)
	for err == nil && !ok(n) {
		var e client.Event[*corev1.Node]
		if e, err = watch.Recv(); err == nil {
			n = e.Object
		}
	}
	if err != nil {
		w.t.Fatalf("the node is not %s: %v %v", what, err, n)
	}
}
