package probes

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestSleepHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := hookManager(t, newRuntime())
		begin := time.Now()
		c := &corev1.Container{Name: "main", Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}}
		if err := m.RunPreStop(t.Context(), pod, c, "c1", ""); err != nil || time.Since(begin) != 5*time.Second {
			t.Errorf("slept %s, %v; want 5s", time.Since(begin), err)
		}
	})
}
