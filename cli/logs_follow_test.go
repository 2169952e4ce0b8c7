package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// run makes a pod of app x whose container runs for the n-th time.
func (k kubelet) run(name string, n int32) {
	k.t.Helper()
	if !k.exists(name) {
		_, err := k.pods.Create(k.t.Context(), &corev1.Pod{
			Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "x"}},
			Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "main", Image: "i"}}},
		})
		if err != nil {
			k.t.Fatal(err)
		}
	}
	status := containerRuns("main")
	status.ContainerStatuses[0].ContainerId, status.ContainerStatuses[0].RestartCount = fmt.Sprintf("c://%d", n), n
	k.set(k.t.Context(), name, status)
}

func TestLogsFollowPodsThatComeAndGo(t *testing.T) {
	s, n, api := newNodeOf(t, "")
	k := kubelet{t, client.Of[*corev1.Pod](api.Client())}
	k.run("a", 0)
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "logs", "-f", "-l", "app=x", "--prefix", "--tail=1")
	out.await(t, "[pod/a/main] second of a/main\n")
	k.run("b", 0)
	out.await(t, "[pod/b/main] second of b/main\n")
	k.run("a", 1)
	awaitCount(t, out, "[pod/a/main] second of", 2)
	if err := k.pods.Delete(t.Context(), "default", "b", nil); err != nil {
		t.Fatal(err)
	}
	k.set(t.Context(), "a", containerEnded("main", "Succeeded", 0))
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, r := range n.logs {
		// Only what was there at the beginning is cut short.
		if o := r.GetOptions(); !o.GetFollow() || (o.TailLines != nil) != (i == 0) {
			t.Errorf("log %d: %v", i, r)
		}
	}
}

func awaitCount(t *testing.T, b *buffer, text string, n int) {
	t.Helper()
	for strings.Count(b.String(), text) < n {
		select {
		case <-b.changed:
		case <-t.Context().Done():
			t.Fatalf("not %d times %q in\n%s", n, text, b)
		}
	}
}

func TestLogsFollowAsManyAsAllowed(t *testing.T) {
	s, _, api := newNodeOf(t, "")
	k := kubelet{t, client.Of[*corev1.Pod](api.Client())}
	k.run("a", 0)
	k.run("b", 0)
	s.fails([]string{"follow 2 logs at once", "--max-log-requests=2"}, "logs", "-f", "-l", "app=x", "--max-log-requests=1")
	for _, name := range []string{"a", "b"} {
		k.set(t.Context(), name, containerEnded("main", "Failed", 1))
	}
	if out := s.ok("logs", "-f", "-l", "app=x", "--max-log-requests=2"); !strings.Contains(out, "of a/main") || !strings.Contains(out, "of b/main") {
		t.Error(out)
	}
}
