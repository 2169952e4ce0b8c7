package plugins

import (
	"testing"

	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestTaintTolerationFilter(t *testing.T) {
	for _, tc := range []struct {
		name  string
		taint st.NodeOption
		pod   []st.PodOption
		want  string
	}{
		{name: "no toleration", taint: st.Taint("team", "a", "NoSchedule"), want: "node(s) had untolerated taint {team: a}"},
		{name: "no execute", taint: st.Taint("gone", "", "NoExecute"), want: "node(s) had untolerated taint {gone: }"},
		{name: "preference only", taint: st.Taint("team", "a", "PreferNoSchedule")},
		{name: "equal", taint: st.Taint("team", "a", "NoSchedule"), pod: []st.PodOption{st.Tolerate("team", "Equal", "a", "NoSchedule")}},
		{name: "equal by default, any effect", taint: st.Taint("team", "a", "NoSchedule"), pod: []st.PodOption{st.Tolerate("team", "", "a", "")}},
		{name: "other value", taint: st.Taint("team", "a", "NoSchedule"), pod: []st.PodOption{st.Tolerate("team", "Equal", "b", "")},
			want: "node(s) had untolerated taint {team: a}"},
		{name: "other effect", taint: st.Taint("team", "a", "NoSchedule"), pod: []st.PodOption{st.Tolerate("team", "Equal", "a", "NoExecute")},
			want: "node(s) had untolerated taint {team: a}"},
		{name: "exists", taint: st.Taint("team", "a", "NoSchedule"), pod: []st.PodOption{st.Tolerate("team", "Exists", "", "")}},
		{name: "everything", taint: st.Taint("team", "a", "NoExecute"), pod: []st.PodOption{st.Tolerate("", "Exists", "", "")}},
		{name: "less than", taint: st.Taint("risk", "3", "NoSchedule"), pod: []st.PodOption{st.Tolerate("risk", "Lt", "5", "")}},
		{name: "not less than", taint: st.Taint("risk", "5", "NoSchedule"), pod: []st.PodOption{st.Tolerate("risk", "Lt", "5", "")},
			want: "node(s) had untolerated taint {risk: 5}"},
		{name: "greater than", taint: st.Taint("class", "5", "NoSchedule"), pod: []st.PodOption{st.Tolerate("class", "Gt", "3", "")}},
		{name: "not a number", taint: st.Taint("class", "gold", "NoSchedule"), pod: []st.PodOption{st.Tolerate("class", "Gt", "3", "")},
			want: "node(s) had untolerated taint {class: gold}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantVerdicts(t, verdicts(TaintToleration{}, st.PodInfo("p", tc.pod...), node("n", tc.taint)), map[string]string{"n": tc.want})
		})
	}
}

func TestTaintTolerationScore(t *testing.T) {
	nodes := []*framework.NodeInfo{
		node("clean"),
		node("one", st.Taint("a", "", "PreferNoSchedule")),
		node("two", st.Taint("a", "", "PreferNoSchedule"), st.Taint("b", "", "PreferNoSchedule")),
		node("hard", st.Taint("a", "", "NoSchedule")),
	}
	wantScores(t, scores(TaintToleration{}, st.PodInfo("p"), nodes...), 100, 50, 0, 100)
	wantScores(t, scores(TaintToleration{}, st.PodInfo("p", st.Tolerate("b", "Exists", "", "")), nodes...), 100, 0, 0, 100)
	if got := scores(TaintToleration{}, st.PodInfo("p"), nodes[0], nodes[3]); got != nil {
		t.Errorf("scores %v though no node has a preference", got)
	}
}

func TestTaintTolerationHints(t *testing.T) {
	p := st.PodInfo("p", st.Tolerate("b", "Exists", "", ""))
	a, b := st.Node("n", st.Taint("a", "", "NoSchedule")), st.Node("n", st.Taint("b", "", "NoSchedule"))
	if !helped(TaintToleration{}, p, framework.NodeChange(a, b)) || helped(TaintToleration{}, p, framework.NodeChange(b, a)) {
		t.Error("a change of taints helps when the pod tolerates the new ones, and only then")
	}
}
