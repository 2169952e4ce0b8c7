package runtime

import (
	"fmt"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestBarrier(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(revision int64) *corev1.Pod {
		return &corev1.Pod{Metadata: &metav1.ObjectMeta{ResourceVersion: fmt.Sprint(revision)}}
	}
	var b Barrier
	if !b.Passed(0) || b.Doubtful(0, now) {
		t.Error("a new barrier holds something up")
	}
	b.Raise(at(7), now)
	b.Raise(at(5), now.Add(time.Minute))
	if b.Passed(6) || !b.Passed(7) || !b.Passed(8) {
		t.Error("the barrier is not at 7")
	}
	if b.Doubtful(6, now.Add(doubtAfter)) || !b.Doubtful(6, now.Add(doubtAfter+time.Second)) || b.Doubtful(7, now.Add(time.Hour)) {
		t.Error("doubts come at the wrong time")
	}
	b.Reset()
	if !b.Passed(0) {
		t.Error("a barrier that was reset holds something up")
	}
}
