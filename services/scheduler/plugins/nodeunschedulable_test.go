package plugins

import (
	"testing"

	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestNodeUnschedulable(t *testing.T) {
	const no = "node(s) were unschedulable"
	nodes := []*framework.NodeInfo{node("open"), node("cordoned", st.Unschedulable())}
	wantVerdicts(t, verdicts(NodeUnschedulable{}, st.PodInfo("p"), nodes...), map[string]string{"open": "", "cordoned": no})
	tolerant := st.PodInfo("p", st.Tolerate("node.kubernetes.io/unschedulable", "Exists", "", "NoSchedule"))
	wantVerdicts(t, verdicts(NodeUnschedulable{}, tolerant, nodes...), map[string]string{"open": "", "cordoned": ""})

	open, cordoned := st.Node("n"), st.Node("n", st.Unschedulable())
	if !helped(NodeUnschedulable{}, st.PodInfo("p"), framework.NodeChange(cordoned, open)) {
		t.Error("uncordoning must help")
	}
	if helped(NodeUnschedulable{}, st.PodInfo("p"), framework.NodeChange(open, cordoned)) {
		t.Error("cordoning helps nobody")
	}
}
