package plugins

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

const affinityNo = "node(s) didn't match Pod's node affinity/selector"

func requires(terms ...*corev1.NodeSelectorTerm) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) {
		s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}
	})
}

func labelTerm(r ...*corev1.NodeSelectorRequirement) *corev1.NodeSelectorTerm {
	return &corev1.NodeSelectorTerm{MatchExpressions: r}
}

func fieldTerm(r ...*corev1.NodeSelectorRequirement) *corev1.NodeSelectorTerm {
	return &corev1.NodeSelectorTerm{MatchFields: r}
}

func selects(key, value string) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{key: value} })
}

func TestNodeAffinityOperators(t *testing.T) {
	n := node("n", st.NodeLabels("disk", "ssd", "cores", "16", "word", "many"))
	for _, tc := range []struct {
		name string
		r    *corev1.NodeSelectorRequirement
		want bool
	}{
		{"in", requirement("disk", "In", "hdd", "ssd"), true},
		{"not among", requirement("disk", "In", "hdd"), false},
		{"in, without the label", requirement("gpu", "In", "yes"), false},
		{"not in", requirement("disk", "NotIn", "hdd"), true},
		{"not in, but is", requirement("disk", "NotIn", "ssd"), false},
		{"not in, without the label", requirement("gpu", "NotIn", "yes"), true},
		{"exists", requirement("disk", "Exists"), true},
		{"exists, without the label", requirement("gpu", "Exists"), false},
		{"does not exist", requirement("gpu", "DoesNotExist"), true},
		{"does not exist, but does", requirement("disk", "DoesNotExist"), false},
		{"greater", requirement("cores", "Gt", "15"), true},
		{"not greater", requirement("cores", "Gt", "16"), false},
		{"less", requirement("cores", "Lt", "17"), true},
		{"not less", requirement("cores", "Lt", "16"), false},
		{"greater, not a number", requirement("word", "Gt", "1"), false},
		{"greater than what is not a number", requirement("cores", "Gt", "x"), false},
		{"greater, without the label", requirement("gpu", "Gt", "1"), false},
		{"unknown operator", requirement("disk", "Like", "ssd"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := map[string]string{"n": ""}
			if !tc.want {
				want["n"] = affinityNo
			}
			wantVerdicts(t, verdicts(NodeAffinity{}, st.PodInfo("p", requires(labelTerm(tc.r))), n), want)
		})
	}
}

func TestNodeAffinityFilter(t *testing.T) {
	ssd, hdd := node("ssd", st.NodeLabels("disk", "ssd", "zone", "a")), node("hdd", st.NodeLabels("disk", "hdd", "zone", "a"))
	for _, tc := range []struct {
		name string
		pod  []st.PodOption
		want map[string]string
	}{
		{"nothing asked", nil, map[string]string{"ssd": "", "hdd": ""}},
		{"selector", []st.PodOption{selects("disk", "ssd")}, map[string]string{"ssd": "", "hdd": affinityNo}},
		{"selector of a label nobody has", []st.PodOption{selects("x", "")}, map[string]string{"ssd": affinityNo, "hdd": affinityNo}},
		{"any of the terms", []st.PodOption{requires(labelTerm(requirement("disk", "In", "nvme")), labelTerm(requirement("disk", "In", "hdd")))},
			map[string]string{"ssd": affinityNo, "hdd": ""}},
		{"all of a term", []st.PodOption{requires(labelTerm(requirement("zone", "In", "a"), requirement("disk", "In", "hdd")))},
			map[string]string{"ssd": affinityNo, "hdd": ""}},
		{"selector and terms", []st.PodOption{requires(labelTerm(requirement("zone", "In", "a"))), selects("disk", "hdd")},
			map[string]string{"ssd": affinityNo, "hdd": ""}},
		{"an empty term is met by none", []st.PodOption{requires(labelTerm())}, map[string]string{"ssd": affinityNo, "hdd": affinityNo}},
		{"no terms are met by none", []st.PodOption{requires()}, map[string]string{"ssd": affinityNo, "hdd": affinityNo}},
		{"field", []st.PodOption{requires(fieldTerm(requirement("metadata.name", "In", "hdd")))}, map[string]string{"ssd": "left out", "hdd": ""}},
		{"field not in", []st.PodOption{requires(fieldTerm(requirement("metadata.name", "NotIn", "hdd")))}, map[string]string{"ssd": "", "hdd": affinityNo}},
		{"field and label", []st.PodOption{requires(&corev1.NodeSelectorTerm{
			MatchFields:      []*corev1.NodeSelectorRequirement{requirement("metadata.name", "In", "hdd", "ssd")},
			MatchExpressions: []*corev1.NodeSelectorRequirement{requirement("disk", "In", "ssd")},
		})}, map[string]string{"ssd": "", "hdd": affinityNo}},
		{"fields that contradict", []st.PodOption{requires(fieldTerm(requirement("metadata.name", "In", "hdd"), requirement("metadata.name", "In", "ssd")))},
			map[string]string{"ssd": "pod affinity terms conflict", "hdd": "pod affinity terms conflict"}},
		{"a field in one term, a label in the other", []st.PodOption{requires(
			fieldTerm(requirement("metadata.name", "In", "hdd")), labelTerm(requirement("disk", "In", "ssd")))}, map[string]string{"ssd": "", "hdd": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantVerdicts(t, verdicts(NodeAffinity{}, st.PodInfo("p", tc.pod...), ssd, hdd), tc.want)
		})
	}
}

func TestNodeAffinityScore(t *testing.T) {
	prefers := st.Spec(func(s *corev1.PodSpec) {
		s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []*corev1.PreferredSchedulingTerm{
			{Weight: 80, Preference: labelTerm(requirement("disk", "In", "ssd"))},
			{Weight: 40, Preference: labelTerm(requirement("zone", "In", "a"))},
		}}}
	})
	nodes := []*framework.NodeInfo{
		node("both", st.NodeLabels("disk", "ssd", "zone", "a")), node("disk", st.NodeLabels("disk", "ssd")),
		node("zone", st.NodeLabels("zone", "a")), node("none"),
	}
	wantScores(t, scores(NodeAffinity{}, st.PodInfo("p", prefers), nodes...), 100, 66, 33, 0)
	if got := scores(NodeAffinity{}, st.PodInfo("p"), nodes...); got != nil {
		t.Errorf("scores %v for a pod without preferences", got)
	}
}

func TestNodeAffinityHints(t *testing.T) {
	p := st.PodInfo("p", selects("disk", "ssd"))
	plain, ssd := st.Node("n"), st.Node("n", st.NodeLabels("disk", "ssd"))
	if !helped(NodeAffinity{}, p, framework.NodeChange(plain, ssd)) || helped(NodeAffinity{}, p, framework.NodeChange(ssd, plain)) ||
		!helped(NodeAffinity{}, p, framework.NodeChange(nil, ssd)) {
		t.Error("labels help when the node meets the pod's demands with them, and only then")
	}
}
