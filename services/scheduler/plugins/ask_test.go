package plugins

import (
	"maps"
	"slices"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// verdicts asks one plugin about every node, as a decision would: what it says by node, "" for yes.
func verdicts(plugin framework.Plugin, p *framework.PodInfo, nodes ...*framework.NodeInfo) map[string]string {
	out := map[string]string{}
	state, cluster := &framework.CycleState{}, framework.NewSnapshot(nodes...)
	pre, hasPre := plugin.(framework.PreFilterPlugin)
	var names []string
	if hasPre {
		var status *framework.Status
		names, status = pre.PreFilter(state, p, cluster)
		if code := status.GetCode(); code != framework.Success {
			for _, n := range nodes {
				out[n.Name] = status.Message() // nothing when it skips
			}
			return out
		}
	}
	for _, n := range nodes {
		if names != nil && !slices.Contains(names, n.Name) {
			out[n.Name] = "left out"
			continue
		}
		out[n.Name] = plugin.(framework.FilterPlugin).Filter(state, p, n).Message()
	}
	return out
}

func wantVerdicts(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
}

// scores asks one plugin to rank the nodes, all of which fit; nil when it has nothing to say.
func scores(plugin framework.ScorePlugin, p *framework.PodInfo, nodes ...*framework.NodeInfo) []int64 {
	state, cluster := &framework.CycleState{}, framework.NewSnapshot(nodes...)
	if pre, ok := plugin.(framework.PreScorePlugin); ok && pre.PreScore(state, p, cluster, nodes).GetCode() == framework.Skip {
		return nil
	}
	out := make([]int64, len(nodes))
	for i, n := range nodes {
		out[i] = plugin.Score(state, p, n)
	}
	if n, ok := plugin.(framework.NormalizePlugin); ok {
		n.NormalizeScores(state, p, nodes, out)
	}
	return out
}

func wantScores(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("scores %v, want %v", got, want)
	}
}

// helped tells whether any of the plugin's hints says that the change can turn its rejection.
func helped(plugin framework.HintPlugin, p *framework.PodInfo, c *framework.Change) bool {
	for _, h := range plugin.Hints() {
		if c != nil && h.Matches(c) && (h.Helps == nil || h.Helps(p, c)) {
			return true
		}
	}
	return false
}

func node(name string, opts ...st.NodeOption) *framework.NodeInfo {
	return st.NodeInfo(st.Node(name, opts...))
}

func requirement(key, op string, values ...string) *corev1.NodeSelectorRequirement {
	return &corev1.NodeSelectorRequirement{Key: key, Operator: op, Values: values}
}

func matchLabels(pairs ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		s.MatchLabels[pairs[i]] = pairs[i+1]
	}
	return s
}
