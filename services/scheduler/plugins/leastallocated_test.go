package plugins

import (
	"testing"

	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestLeastAllocated(t *testing.T) {
	room := st.Allocatable("cpu", "4", "memory", "8Gi", "pods", "10")
	half := st.NodeInfo(st.Node("half", room), st.Pod("there", st.Requests("cpu", "1", "memory", "2Gi")))
	// With one core and 2 GiB more: empty is used to a quarter of both, half to one half.
	wantScores(t, scores(NodeResourcesLeastAllocated{}, st.PodInfo("p", st.Requests("cpu", "1", "memory", "2Gi")), node("empty", room), half), 75, 50)
	// A pod that asks for nothing counts 100m (2.5 % of 4 cores) and 200 MiB (2.4 % of 8 GiB): 97 free of each.
	wantScores(t, scores(NodeResourcesLeastAllocated{}, st.PodInfo("p"), node("empty", room)), 97)
	// More than there is counts as nothing free: (0 + 75) / 2.
	wantScores(t, scores(NodeResourcesLeastAllocated{}, st.PodInfo("p", st.Requests("cpu", "5", "memory", "2Gi")), node("empty", room)), 37)
	// A node without memory is scored by CPU alone.
	wantScores(t, scores(NodeResourcesLeastAllocated{}, st.PodInfo("p", st.Requests("cpu", "1")), node("n", st.Allocatable("cpu", "4"))), 75)
}
