package namespace_test

import (
	"slices"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/namespace"
	"kaji.dev/kaji/services/controllers/serviceaccount"
)

func names[T interface {
	GetMetadata() *metav1.ObjectMeta
}](items []T) []string {
	var out []string
	for _, i := range items {
		out = append(out, i.GetMetadata().GetNamespace()+"/"+i.GetMetadata().GetName())
	}
	slices.Sort(out)
	return out
}

func TestEndingNamespaceIsEmptiedAndGoes(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		for _, n := range []string{"ending", "other"} {
			harness.Create(w, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: n}})
			harness.Create(w, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: n, Name: "plain"}})
			harness.Create(w, &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: n, Name: "pod"}, Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "i"}}}})
		}
		held := &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "ending", Name: "held", Finalizers: []string{"example.com/mine"}}}
		harness.Create(w, held)
		w.Node(time.Second, 5*time.Second, nil)
		w.Start(namespace.Add, serviceaccount.Add)
		w.Settle(10 * time.Second)
		if got := names(harness.List[*corev1.ServiceAccount](w, "")); !slices.Contains(got, "ending/default") {
			t.Errorf("service accounts %v", got)
		}
		harness.Delete[*corev1.Namespace](w, "", "ending", "")
		w.Settle(30 * time.Second)
		if got := names(harness.List[*corev1.ConfigMap](w, "")); !slices.Equal(got, []string{"ending/held", "other/plain"}) {
			t.Errorf("config maps %v", got)
		}
		if got := names(harness.List[*corev1.Pod](w, "")); !slices.Equal(got, []string{"other/pod"}) {
			t.Errorf("pods %v", got)
		}
		ns := harness.Get[*corev1.Namespace](w, "", "ending")
		reasons := map[string]string{}
		for _, c := range ns.GetStatus().GetConditions() {
			reasons[c.GetType()] = c.GetStatus() + " " + c.GetReason()
		}
		if reasons["NamespaceContentRemaining"] != "True SomeResourcesRemain" || reasons["NamespaceFinalizersRemaining"] != "True SomeFinalizersRemain" {
			t.Errorf("conditions %v", reasons)
		}
		before := w.Server.Revision()
		w.Settle(time.Minute)
		if after := w.Server.Revision(); after != before {
			t.Errorf("%d writes that change nothing", after-before)
		}
		harness.Edit(w, "ending", "held", func(m *corev1.ConfigMap) { m.Metadata.Finalizers = nil })
		w.Settle(10 * time.Second)
		for _, n := range harness.List[*corev1.Namespace](w, "") {
			if n.GetMetadata().GetName() == "ending" {
				t.Errorf("the namespace is still there: %v", n.GetStatus())
			}
		}
		if got := names(harness.List[*corev1.ServiceAccount](w, "")); slices.Contains(got, "ending/default") {
			t.Errorf("service accounts %v", got)
		}
	})
}

func TestDefaultAccountComesBack(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "a"}})
		w.Start(serviceaccount.Add)
		w.Settle(time.Second)
		first := harness.Get[*corev1.ServiceAccount](w, "a", "default").GetMetadata().GetUid()
		harness.Delete[*corev1.ServiceAccount](w, "a", "default", "")
		w.Settle(time.Second)
		if again := harness.Get[*corev1.ServiceAccount](w, "a", "default").GetMetadata().GetUid(); again == first || again == "" {
			t.Errorf("uid %q, was %q", again, first)
		}
	})
}
