package plugins

import (
	"fmt"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

// TaintToleration rejects nodes with taints the pod does not tolerate, and prefers nodes with fewer PreferNoSchedule taints it does not tolerate.
type TaintToleration struct{}

const taintName = "TaintToleration"

// Name implements framework.Plugin.
func (TaintToleration) Name() string { return taintName }

// PreFilter implements framework.PreFilterPlugin.
func (TaintToleration) PreFilter(state *framework.CycleState, _ *framework.PodInfo, _ *framework.Snapshot) ([]string, *framework.Status) {
	state.Write(taintName, &taintStatuses{})
	return nil, nil
}

// taintStatuses keeps the verdicts of one decision: nodes mostly share taints, and messages are dear to make.
type taintStatuses struct {
	byTaint map[[2]string]*framework.Status
}

// Filter implements framework.FilterPlugin.
func (TaintToleration) Filter(state *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	if !n.Tainted {
		return nil
	}
	taint := framework.UntoleratedTaint(n.Node.GetSpec().GetTaints(), p.Pod.GetSpec().GetTolerations())
	if taint == nil {
		return nil
	}
	kept := framework.Read[*taintStatuses](state, taintName)
	key := [2]string{taint.GetKey(), taint.GetValue()}
	if s, ok := kept.byTaint[key]; ok {
		return s
	}
	s := framework.NewStatus(framework.Unresolvable, taintName, fmt.Sprintf("node(s) had untolerated taint {%s: %s}", key[0], key[1]))
	if kept.byTaint == nil {
		kept.byTaint = map[[2]string]*framework.Status{}
	}
	kept.byTaint[key] = s
	return s
}

// PreScore implements framework.PreScorePlugin: without PreferNoSchedule taints all nodes are equal.
func (TaintToleration) PreScore(_ *framework.CycleState, _ *framework.PodInfo, _ *framework.Snapshot, nodes []*framework.NodeInfo) *framework.Status {
	for _, n := range nodes {
		if !n.Tainted {
			continue
		}
		for _, t := range n.Node.GetSpec().GetTaints() {
			if t.GetEffect() == framework.PreferNoSchedule {
				return nil
			}
		}
	}
	return framework.NewStatus(framework.Skip, taintName)
}

// Score implements framework.ScorePlugin: the number of taints that speak against the node.
func (TaintToleration) Score(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) int64 {
	var count int64
	for _, t := range n.Node.GetSpec().GetTaints() {
		if t.GetEffect() == framework.PreferNoSchedule && !framework.Tolerates(p.Pod.GetSpec().GetTolerations(), t) {
			count++
		}
	}
	return count
}

// NormalizeScores implements framework.NormalizePlugin.
func (TaintToleration) NormalizeScores(_ *framework.CycleState, _ *framework.PodInfo, _ []*framework.NodeInfo, scores []int64) {
	framework.Normalize(scores, true)
}

// Hints implements framework.HintPlugin.
func (TaintToleration) Hints() []framework.EventHint {
	return []framework.EventHint{{Object: framework.NodeObject, Actions: framework.Added | framework.TaintsChanged, Helps: tolerable}}
}

func tolerable(p *framework.PodInfo, c *framework.Change) bool {
	return untolerated(c.NewNode.Node, p) == nil
}

func untolerated(node *corev1.Node, p *framework.PodInfo) *corev1.Taint {
	return framework.UntoleratedTaint(node.GetSpec().GetTaints(), p.Pod.GetSpec().GetTolerations())
}
