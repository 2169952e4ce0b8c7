package plugins

import "kaji.dev/kaji/services/scheduler/framework"

// NodePorts rejects nodes where a pod's host ports are taken.
type NodePorts struct{}

const portsName = "NodePorts"

var portsTaken = framework.NewStatus(framework.Unschedulable, portsName, "node(s) didn't have free ports for the requested pod ports")

// Name implements framework.Plugin.
func (NodePorts) Name() string { return portsName }

// PreFilter implements framework.PreFilterPlugin.
func (NodePorts) PreFilter(_ *framework.CycleState, p *framework.PodInfo, _ *framework.Snapshot) ([]string, *framework.Status) {
	if len(p.HostPorts) == 0 {
		return nil, framework.NewStatus(framework.Skip, portsName)
	}
	return nil, nil
}

// Filter implements framework.FilterPlugin.
func (NodePorts) Filter(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	if portsConflict(p.HostPorts, n.UsedPorts) {
		return portsTaken
	}
	return nil
}

func portsConflict(a, b []framework.HostPort) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Conflicts(y) {
				return true
			}
		}
	}
	return false
}

// Hints implements framework.HintPlugin.
func (NodePorts) Hints() []framework.EventHint {
	return []framework.EventHint{
		{Object: framework.AssignedPod, Actions: framework.Deleted, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			return portsConflict(p.HostPorts, c.OldPod.HostPorts)
		}},
		{Object: framework.NodeObject, Actions: framework.Added},
	}
}
