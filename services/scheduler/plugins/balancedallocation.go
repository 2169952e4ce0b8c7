package plugins

import (
	"math"

	"kaji.dev/kaji/services/scheduler/framework"
)

// NodeResourcesBalancedAllocation prefers nodes whose CPU and memory would be used to like shares, so that neither is left over without the other.
type NodeResourcesBalancedAllocation struct{}

const balancedName = "NodeResourcesBalancedAllocation"

// Name implements framework.Plugin.
func (NodeResourcesBalancedAllocation) Name() string { return balancedName }

// PreScore implements framework.PreScorePlugin: a pod that asks for neither balances nothing.
func (NodeResourcesBalancedAllocation) PreScore(_ *framework.CycleState, p *framework.PodInfo, _ *framework.Snapshot, _ []*framework.NodeInfo) *framework.Status {
	if p.Requests.MilliCPU == 0 && p.Requests.Memory == 0 {
		return framework.NewStatus(framework.Skip, balancedName)
	}
	return nil
}

// Score implements framework.ScorePlugin: with two resources the standard deviation of the shares is half their difference.
func (NodeResourcesBalancedAllocation) Score(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) int64 {
	if n.Allocatable.MilliCPU <= 0 || n.Allocatable.Memory <= 0 {
		return framework.MaxScore
	}
	cpu := usedShare(n.Allocatable.MilliCPU, n.Requested.MilliCPU+p.Requests.MilliCPU)
	memory := usedShare(n.Allocatable.Memory, n.Requested.Memory+p.Requests.Memory)
	return int64((1 - math.Abs(cpu-memory)/2) * float64(framework.MaxScore))
}

func usedShare(all, used int64) float64 {
	return min(float64(used)/float64(all), 1)
}
