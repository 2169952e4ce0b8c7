package ui

import (
	"fmt"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/quantity"
)

// nodeHeadings are the columns that nodes have beside those of `get`.
var nodeHeadings = []string{"PODS", "CPU REQUESTED", "MEMORY REQUESTED"}

// requested is what pods that have not ended ask of their nodes, by the node's name.
type requested struct {
	pods         int
	cpu, memory  int64 // thousandths of a CPU, bytes
	cpuOf, memOf int64 // that the node has
}

// demand adds up what is asked of a node.
func (m *Model) demand(node *corev1.Node) requested {
	out := requested{cpuOf: quantity.MilliValue(node.GetStatus().GetAllocatable()["cpu"]), memOf: quantity.Value(node.GetStatus().GetAllocatable()["memory"])}
	for _, p := range m.pods {
		if p.GetSpec().GetNodeName() != node.GetMetadata().GetName() || p.GetStatus().GetPhase() == "Succeeded" || p.GetStatus().GetPhase() == "Failed" {
			continue
		}
		out.pods++
		cpu, memory := podDemand(p)
		out.cpu, out.memory = out.cpu+cpu, out.memory+memory
	}
	return out
}

// podDemand is what the scheduler reckons with: the containers together with the sidecars, or an init container that asks for more while
// it runs, and the overhead.
func podDemand(p *corev1.Pod) (cpu, memory int64) {
	of := func(c *corev1.Container) (int64, int64) {
		r := c.GetResources().GetRequests()
		return quantity.MilliValue(r["cpu"]), quantity.Value(r["memory"])
	}
	for _, c := range p.GetSpec().GetContainers() {
		a, b := of(c)
		cpu, memory = cpu+a, memory+b
	}
	var sideCPU, sideMemory, mostCPU, mostMemory int64
	for _, c := range p.GetSpec().GetInitContainers() {
		a, b := of(c)
		if c.GetRestartPolicy() == "Always" {
			sideCPU, sideMemory = sideCPU+a, sideMemory+b
			a, b = 0, 0
		}
		mostCPU, mostMemory = max(mostCPU, sideCPU+a), max(mostMemory, sideMemory+b)
	}
	over := p.GetSpec().GetOverhead()
	return max(cpu+sideCPU, mostCPU) + quantity.MilliValue(over["cpu"]), max(memory+sideMemory, mostMemory) + quantity.Value(over["memory"])
}

// nodeCells are the cells of nodeHeadings.
func (m *Model) nodeCells(o kind.Object) []string {
	node, ok := o.(*corev1.Node)
	if !ok {
		return nil
	}
	d := m.demand(node)
	return []string{
		fmt.Sprint(d.pods),
		fmt.Sprintf("%dm %s", d.cpu, share(d.cpu, d.cpuOf)),
		fmt.Sprintf("%dMi %s", d.memory>>20, share(d.memory, d.memOf)),
	}
}

func share(part, whole int64) string {
	if whole <= 0 {
		return "(?)"
	}
	return fmt.Sprintf("(%d%%)", int64(float64(part)/float64(whole)*100+0.5))
}
