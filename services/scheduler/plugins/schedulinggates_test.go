package plugins

import (
	"testing"

	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestSchedulingGates(t *testing.T) {
	if s := (SchedulingGates{}).PreEnqueue(st.PodInfo("p")); s != nil {
		t.Errorf("a pod without gates is held back: %v", s)
	}
	s := SchedulingGates{}.PreEnqueue(st.PodInfo("p", st.Gate("a.com/x"), st.Gate("b.com/y")))
	if want := "waiting for scheduling gates: [a.com/x b.com/y]"; s.Message() != want {
		t.Errorf("%q, want %q", s.Message(), want)
	}
}
