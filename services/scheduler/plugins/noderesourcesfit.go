package plugins

import (
	"slices"

	"kaji.dev/kaji/services/scheduler/framework"
)

// NodeResourcesFit rejects nodes without room for what the pod asks for.
type NodeResourcesFit struct{}

const fitName = "NodeResourcesFit"

// Shortages that every pod can meet; a set of them is a bit mask.
const (
	shortPods = 1 << iota
	shortCPU
	shortMemory
	shortStorage
	shortAll = 1 << iota
)

var shortageReasons = [...]string{"Too many pods", "Insufficient cpu", "Insufficient memory", "Insufficient ephemeral-storage"}

// fitStatuses has the verdict for each set of shortages, [1] for those that no deletion of pods can end: made once,
// since a full cluster gives one per node and try.
var fitStatuses = func() (out [2][shortAll]*framework.Status) {
	for set := 1; set < shortAll; set++ {
		reasons := shortages(set)
		out[0][set] = framework.NewStatus(framework.Unschedulable, fitName, reasons...)
		out[1][set] = framework.NewStatus(framework.Unresolvable, fitName, reasons...)
	}
	return out
}()

func shortages(set int) []string {
	var reasons []string
	for bit, reason := range shortageReasons {
		if set&(1<<bit) != 0 {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// Name implements framework.Plugin.
func (NodeResourcesFit) Name() string { return fitName }

// Filter implements framework.FilterPlugin.
func (NodeResourcesFit) Filter(_ *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	want, used, all := &p.Requests, &n.Requested, &n.Allocatable
	short, never := 0, 0
	if int64(len(n.Pods))+1 > all.Pods {
		short |= shortPods
	}
	if want.MilliCPU > 0 && want.MilliCPU > all.MilliCPU-used.MilliCPU {
		short |= shortCPU
		if want.MilliCPU > all.MilliCPU {
			never = 1
		}
	}
	if want.Memory > 0 && want.Memory > all.Memory-used.Memory {
		short |= shortMemory
		if want.Memory > all.Memory {
			never = 1
		}
	}
	if want.EphemeralStorage > 0 && want.EphemeralStorage > all.EphemeralStorage-used.EphemeralStorage {
		short |= shortStorage
		if want.EphemeralStorage > all.EphemeralStorage {
			never = 1
		}
	}
	var scalars []string
	for name, v := range want.Scalars {
		if v > 0 && v > all.Scalars[name]-used.Scalars[name] {
			scalars = append(scalars, "Insufficient "+name)
			if v > all.Scalars[name] {
				never = 1
			}
		}
	}
	if scalars == nil {
		return fitStatuses[never][short]
	}
	slices.Sort(scalars)
	code := framework.Unschedulable
	if never == 1 {
		code = framework.Unresolvable
	}
	return framework.NewStatus(code, fitName, append(shortages(short), scalars...)...)
}

// Hints implements framework.HintPlugin.
func (NodeResourcesFit) Hints() []framework.EventHint {
	return []framework.EventHint{
		// Any pod that goes frees at least its own slot.
		{Object: framework.AssignedPod, Actions: framework.Deleted},
		{Object: framework.AssignedPod, Actions: framework.ScaledDown, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			return moreOfAny(p, &c.OldPod.Requests, &c.NewPod.Requests)
		}},
		{Object: framework.NodeObject, Actions: framework.Added, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			return NodeResourcesFit{}.Filter(nil, p, c.NewNode).OK()
		}},
		{Object: framework.NodeObject, Actions: framework.AllocatableChanged, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			return NodeResourcesFit{}.Filter(nil, p, c.NewNode).OK() &&
				(c.NewNode.Allocatable.Pods > c.OldNode.Allocatable.Pods || moreOfAny(p, &c.NewNode.Allocatable, &c.OldNode.Allocatable))
		}},
	}
}

// moreOfAny tells whether a has more than b of anything the pod asks for.
func moreOfAny(p *framework.PodInfo, a, b *framework.Resources) bool {
	want := &p.Requests
	if want.MilliCPU > 0 && a.MilliCPU > b.MilliCPU || want.Memory > 0 && a.Memory > b.Memory ||
		want.EphemeralStorage > 0 && a.EphemeralStorage > b.EphemeralStorage {
		return true
	}
	for name := range want.Scalars {
		if a.Scalars[name] > b.Scalars[name] {
			return true
		}
	}
	return false
}
