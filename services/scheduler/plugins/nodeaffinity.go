package plugins

import (
	"kaji.dev/kaji/services/scheduler/framework"
)

// NodeAffinity rejects nodes that nodeSelector or required node affinity leave out, and prefers those that preferred node affinity asks for.
type NodeAffinity struct{}

const nodeAffinityName = "NodeAffinity"

var (
	affinityMismatch = framework.NewStatus(framework.Unresolvable, nodeAffinityName, "node(s) didn't match Pod's node affinity/selector")
	affinityConflict = framework.NewStatus(framework.Unresolvable, nodeAffinityName, "pod affinity terms conflict")
)

// Name implements framework.Plugin.
func (NodeAffinity) Name() string { return nodeAffinityName }

// PreFilter implements framework.PreFilterPlugin.
func (NodeAffinity) PreFilter(_ *framework.CycleState, p *framework.PodInfo, _ *framework.Snapshot) ([]string, *framework.Status) {
	if p.NodeAffinity == nil {
		return nil, framework.NewStatus(framework.Skip, nodeAffinityName)
	}
	names, limited := p.NodeAffinity.NodeNames()
	if !limited {
		return nil, nil
	}
	if len(names) == 0 {
		return nil, affinityConflict
	}
	return names, nil
}

// Filter implements framework.FilterPlugin.
func (NodeAffinity) Filter(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	if !p.NodeAffinity.Matches(n.Node) {
		return affinityMismatch
	}
	return nil
}

type preferredTerm struct {
	term   framework.NodeTerm
	weight int64
}

// PreScore implements framework.PreScorePlugin.
func (NodeAffinity) PreScore(state *framework.CycleState, p *framework.PodInfo, _ *framework.Snapshot, _ []*framework.NodeInfo) *framework.Status {
	var terms []preferredTerm
	for _, t := range p.Pod.GetSpec().GetAffinity().GetNodeAffinity().GetPreferredDuringSchedulingIgnoredDuringExecution() {
		if t.GetWeight() != 0 {
			terms = append(terms, preferredTerm{framework.NewNodeTerm(t.GetPreference()), int64(t.GetWeight())})
		}
	}
	if terms == nil {
		return framework.NewStatus(framework.Skip, nodeAffinityName)
	}
	state.Write(nodeAffinityName, terms)
	return nil
}

// Score implements framework.ScorePlugin: the weights of the terms the node meets.
func (NodeAffinity) Score(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) int64 {
	var sum int64
	terms := framework.Read[[]preferredTerm](state, nodeAffinityName)
	for i := range terms {
		if terms[i].term.Matches(n.Node) {
			sum += terms[i].weight
		}
	}
	return sum
}

// NormalizeScores implements framework.NormalizePlugin.
func (NodeAffinity) NormalizeScores(_ *framework.CycleState, _ *framework.PodInfo, _ []*framework.NodeInfo, scores []int64) {
	framework.Normalize(scores, false)
}

// Hints implements framework.HintPlugin.
func (NodeAffinity) Hints() []framework.EventHint {
	return []framework.EventHint{{Object: framework.NodeObject, Actions: framework.Added | framework.LabelsChanged,
		Helps: func(p *framework.PodInfo, c *framework.Change) bool { return p.NodeAffinity.Matches(c.NewNode.Node) }}}
}
