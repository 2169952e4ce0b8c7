package node

import (
	"context"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	nodev1 "kaji.dev/kaji/gen/kaji/node/v1"
)

func TestRuntimeClassPicksTheHandler(t *testing.T) {
	w := newWorld(t, "class")
	w.start()
	classes := client.Of[*nodev1.RuntimeClass](w.api)
	for name, handler := range map[string]string{"plain": "runc", "strange": "none-such"} {
		if _, err := classes.Create(context.Background(), &nodev1.RuntimeClass{Metadata: &metav1.ObjectMeta{Name: name}, Handler: handler}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ class, want string }{
		"a": {"plain", ""}, "b": {"strange", "none-such"}, "c": {"missing", `RuntimeClass "missing" not found`},
	} {
		w.create(pod(name, sleeper, func(p *corev1.Pod) { p.Spec.RuntimeClassName = &c.class }))
		if c.want == "" {
			w.await(name, "running", isRunning)
		} else {
			w.await(name, "refused", func(p *corev1.Pod) bool {
				return strings.Contains(containerOf(p, "main").GetState().GetWaiting().GetMessage(), c.want)
			})
		}
	}
	rt, err := machine.Client(w.node)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	boxes, err := rt.Sandboxes(context.Background(), "")
	if err != nil || len(boxes) != 1 || boxes[0].Handler != "runc" {
		t.Errorf("%+v %v", boxes, err)
	}
	for _, name := range []string{"a", "b", "c"} {
		w.delete(name, 5)
		w.await(name, "gone", isGone)
	}
	w.nothingLeft()
}

func TestHostNetwork(t *testing.T) {
	w := newWorld(t, "host")
	w.start()
	w.create(pod("web", `test "$IP" = 127.0.0.1 && `+sleeper, func(p *corev1.Pod) {
		p.Spec.HostNetwork = true
		p.Spec.Containers[0].Env = []*corev1.EnvVar{{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}}
	}))
	p := w.await("web", "running", isRunning)
	if p.GetStatus().GetPodIp() != "127.0.0.1" || p.GetStatus().GetHostIp() != "127.0.0.1" || containerOf(p, "main").GetRestartCount() != 0 {
		t.Errorf("%v", p.GetStatus())
	}
	w.delete("web", 5)
	w.await("web", "gone", isGone)
	w.nothingLeft()
}
