package plugins

import (
	"testing"

	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestNodeName(t *testing.T) {
	const no = "node(s) didn't match the requested node name"
	wantVerdicts(t, verdicts(NodeName{}, st.PodInfo("p"), node("a"), node("b")), map[string]string{"a": "", "b": ""})
	wantVerdicts(t, verdicts(NodeName{}, st.PodInfo("p", st.On("b")), node("a"), node("b")), map[string]string{"a": no, "b": ""})
	named := st.PodInfo("p", st.On("b"))
	if helped(NodeName{}, named, framework.NodeChange(nil, st.Node("a"))) || !helped(NodeName{}, named, framework.NodeChange(nil, st.Node("b"))) {
		t.Error("only the node that is named helps when it comes")
	}
}
