package plugins

import (
	"testing"

	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestBalancedAllocation(t *testing.T) {
	room := st.Allocatable("cpu", "4", "memory", "8Gi", "pods", "10")
	cpuHeavy := st.NodeInfo(st.Node("cpu-heavy", room), st.Pod("there", st.Requests("cpu", "2")))
	p := st.PodInfo("p", st.Requests("cpu", "1", "memory", "2Gi"))
	// Shares: 1/4 and 1/4; 3/4 and 1/4, whose deviation is 1/4.
	wantScores(t, scores(NodeResourcesBalancedAllocation{}, p, node("even", room), cpuHeavy), 100, 75)
	// A memory-hungry pod evens the second out: 1/2 and 1/2, against 0 and 1/2.
	wantScores(t, scores(NodeResourcesBalancedAllocation{}, st.PodInfo("p", st.Requests("memory", "4Gi")), node("even", room), cpuHeavy), 75, 100)
	if got := scores(NodeResourcesBalancedAllocation{}, st.PodInfo("p"), node("n")); got != nil {
		t.Errorf("scores %v for a pod that asks for nothing", got)
	}
}
