package plugins

import "kaji.dev/kaji/services/scheduler/framework"

// NodeResourcesLeastAllocated prefers nodes with more CPU and memory free: the mean of the free shares once the pod is there.
type NodeResourcesLeastAllocated struct{}

// Name implements framework.Plugin.
func (NodeResourcesLeastAllocated) Name() string { return "NodeResourcesLeastAllocated" }

// Score implements framework.ScorePlugin.
func (NodeResourcesLeastAllocated) Score(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) int64 {
	var sum, kinds int64
	if all := n.Allocatable.MilliCPU; all > 0 {
		sum += freeShare(all, n.NonZero.MilliCPU+p.NonZero.MilliCPU)
		kinds++
	}
	if all := n.Allocatable.Memory; all > 0 {
		sum += freeShare(all, n.NonZero.Memory+p.NonZero.Memory)
		kinds++
	}
	if kinds == 0 {
		return 0
	}
	return sum / kinds
}

func freeShare(all, used int64) int64 {
	if used > all {
		return 0
	}
	return (all - used) * framework.MaxScore / all
}
