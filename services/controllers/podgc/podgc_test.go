package podgc

import (
	"fmt"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/runtime"
)

func pod(name, node, phase string) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:     &corev1.PodSpec{NodeName: node, Containers: []*corev1.Container{{Name: "c", Image: "i"}}},
		Status:   &corev1.PodStatus{Phase: phase},
	}
}

func names(w *harness.World) string {
	out := ""
	for _, p := range harness.List[*corev1.Pod](w, "default") {
		out += p.GetMetadata().GetName() + " "
	}
	return out
}

func TestPodsOfGoneNodesGoAfterAWhile(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "here"}})
		harness.Create(w, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "leaving"}})
		for _, p := range []*corev1.Pod{pod("a", "here", "Running"), pod("b", "leaving", "Running"), pod("c", "", "Pending")} {
			harness.Create(w, p)
		}
		w.Start(func(s *runtime.Scope) { Add(s, 0) })
		w.Settle(5 * time.Minute)
		if got := names(w); got != "a b c " {
			t.Fatalf("pods %q", got)
		}
		harness.Delete[*corev1.Node](w, "", "leaving", "")
		w.Settle(quarantine - time.Second)
		if got := names(w); got != "a b c " {
			t.Errorf("pods %q: the node may come back", got)
		}
		w.Settle(quarantine)
		if got := names(w); got != "a c " {
			t.Errorf("pods %q", got)
		}
	})
}

func TestTheOldestEndedPodsGo(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n"}})
		for i := range 5 {
			p := harness.Create(w, pod(fmt.Sprint("p", i), "n", ""))
			harness.EditStatus(w, "default", p.GetMetadata().GetName(), func(p *corev1.Pod) { p.Status.Phase = "Succeeded" })
			w.Settle(2 * time.Second)
		}
		harness.Create(w, pod("runs", "n", "Running"))
		w.Start(func(s *runtime.Scope) { Add(s, 2) })
		w.Settle(time.Second)
		if got := names(w); got != "p3 p4 runs " {
			t.Errorf("pods %q", got)
		}
	})
}
