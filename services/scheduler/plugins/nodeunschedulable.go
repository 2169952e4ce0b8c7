package plugins

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

// NodeUnschedulable rejects cordoned nodes, unless the pod tolerates the taint that stands for it.
type NodeUnschedulable struct{}

const unschedulableName = "NodeUnschedulable"

var (
	cordoned      = framework.NewStatus(framework.Unresolvable, unschedulableName, "node(s) were unschedulable")
	cordonedTaint = &corev1.Taint{Key: "node.kubernetes.io/unschedulable", Effect: framework.NoSchedule}
)

// Name implements framework.Plugin.
func (NodeUnschedulable) Name() string { return unschedulableName }

// Filter implements framework.FilterPlugin.
func (NodeUnschedulable) Filter(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	if !n.Node.GetSpec().GetUnschedulable() || framework.Tolerates(p.Pod.GetSpec().GetTolerations(), cordonedTaint) {
		return nil
	}
	return cordoned
}

// Hints implements framework.HintPlugin.
func (NodeUnschedulable) Hints() []framework.EventHint {
	return []framework.EventHint{{Object: framework.NodeObject, Actions: framework.Added | framework.TaintsChanged,
		Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			return NodeUnschedulable{}.Filter(nil, p, c.NewNode).OK()
		}}}
}
