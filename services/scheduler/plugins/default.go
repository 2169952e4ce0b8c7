package plugins

import "kaji.dev/kaji/services/scheduler/framework"

// Default returns the plugins every pod is scheduled with, cheap and telling ones first, with Kubernetes' weights.
func Default(namespaces framework.NamespaceLabels) (*framework.Profile, error) {
	return framework.NewProfile(
		framework.Weighted{Plugin: SchedulingGates{}},
		framework.Weighted{Plugin: NodeUnschedulable{}},
		framework.Weighted{Plugin: NodeName{}},
		framework.Weighted{Plugin: TaintToleration{}, Weight: 3},
		framework.Weighted{Plugin: NodeAffinity{}, Weight: 2},
		framework.Weighted{Plugin: NodePorts{}},
		framework.Weighted{Plugin: NodeResourcesFit{}},
		framework.Weighted{Plugin: PodTopologySpread{}, Weight: 2},
		framework.Weighted{Plugin: InterPodAffinity{Namespaces: namespaces}, Weight: 2},
		framework.Weighted{Plugin: NodeResourcesLeastAllocated{}, Weight: 1},
		framework.Weighted{Plugin: NodeResourcesBalancedAllocation{}, Weight: 1},
		framework.Weighted{Plugin: ImageLocality{}, Weight: 1},
	)
}
