package plugins

import (
	"fmt"

	"kaji.dev/kaji/services/scheduler/framework"
)

// SchedulingGates keeps pods from being tried while they have scheduling gates.
type SchedulingGates struct{}

const gatesName = "SchedulingGates"

// Name implements framework.Plugin.
func (SchedulingGates) Name() string { return gatesName }

// PreEnqueue implements framework.PreEnqueuePlugin.
func (SchedulingGates) PreEnqueue(p *framework.PodInfo) *framework.Status {
	gates := p.Pod.GetSpec().GetSchedulingGates()
	if len(gates) == 0 {
		return nil
	}
	names := make([]string, 0, len(gates))
	for _, g := range gates {
		names = append(names, g.GetName())
	}
	return framework.NewStatus(framework.Unresolvable, gatesName, fmt.Sprintf("waiting for scheduling gates: %v", names))
}

// Hints implements framework.HintPlugin: only the pod itself can change this, and the queue looks at that by itself.
func (SchedulingGates) Hints() []framework.EventHint { return nil }
