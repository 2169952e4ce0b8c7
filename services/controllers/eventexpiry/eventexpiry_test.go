package eventexpiry_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/eventexpiry"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/runtime"
)

func names(w *harness.World) string {
	var out []string
	for _, e := range harness.List[*corev1.Event](w, "default") {
		out = append(out, e.GetMetadata().GetName())
	}
	return fmt.Sprint(out)
}

func TestEventsExpire(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		event := func(name string) {
			harness.Create(w, &corev1.Event{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Message: name})
		}
		event("old")
		w.Settle(50 * time.Minute)
		event("young")
		w.Start(func(s *runtime.Scope) { eventexpiry.Add(s, 0) })
		w.Settle(5 * time.Minute)
		if got := names(w); got != "[old young]" {
			t.Errorf("after 55 minutes: %s", got)
		}
		w.Settle(6 * time.Minute)
		if got := names(w); got != "[young]" {
			t.Errorf("after 61 minutes: %s", got)
		}
		// Seen again: an hour more from then.
		harness.Edit(w, "default", "young", func(e *corev1.Event) { e.LastTimestamp = timestamppb.Now() })
		w.Settle(55 * time.Minute)
		if got := names(w); got != "[young]" {
			t.Errorf("an hour after it came, 55 minutes after it was seen: %s", got)
		}
		w.Settle(10 * time.Minute)
		if got := names(w); got != "[]" {
			t.Errorf("in the end: %s", got)
		}
	})
}
