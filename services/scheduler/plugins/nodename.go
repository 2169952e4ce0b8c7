package plugins

import "kaji.dev/kaji/services/scheduler/framework"

// NodeName rejects nodes other than the one a pod names.
type NodeName struct{}

const nodeNameName = "NodeName"

var wrongNode = framework.NewStatus(framework.Unresolvable, nodeNameName, "node(s) didn't match the requested node name")

// Name implements framework.Plugin.
func (NodeName) Name() string { return nodeNameName }

// PreFilter implements framework.PreFilterPlugin.
func (NodeName) PreFilter(_ *framework.CycleState, p *framework.PodInfo, _ *framework.Snapshot) ([]string, *framework.Status) {
	if p.Pod.GetSpec().GetNodeName() == "" {
		return nil, framework.NewStatus(framework.Skip, nodeNameName)
	}
	return nil, nil
}

// Filter implements framework.FilterPlugin.
func (NodeName) Filter(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	if want := p.Pod.GetSpec().GetNodeName(); want != "" && want != n.Name {
		return wrongNode
	}
	return nil
}

// Hints implements framework.HintPlugin.
func (NodeName) Hints() []framework.EventHint {
	return []framework.EventHint{{Object: framework.NodeObject, Actions: framework.Added, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
		return NodeName{}.Filter(nil, p, c.NewNode).OK()
	}}}
}
