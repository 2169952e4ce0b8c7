package serviceaccount_test

import (
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/serviceaccount"
)

func TestEveryNamespaceHasItsDefaultAccount(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "early"}})
		w.Start(serviceaccount.Add)
		harness.Create(w, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "late"}})
		w.Settle(time.Second)
		first := harness.Get[*corev1.ServiceAccount](w, "early", "default")
		harness.Get[*corev1.ServiceAccount](w, "late", "default")
		harness.Delete[*corev1.ServiceAccount](w, "early", "default", "")
		w.Settle(time.Second)
		if again := harness.Get[*corev1.ServiceAccount](w, "early", "default"); again.GetMetadata().GetUid() == first.GetMetadata().GetUid() {
			t.Error("the account was not removed at all")
		}
		// A namespace that ends gets none.
		harness.Delete[*corev1.Namespace](w, "", "late", "")
		harness.Delete[*corev1.ServiceAccount](w, "late", "default", "")
		w.Settle(time.Minute)
		if left := harness.List[*corev1.ServiceAccount](w, "late"); len(left) != 0 {
			t.Errorf("made in a namespace that ends: %v", left)
		}
	})
}
