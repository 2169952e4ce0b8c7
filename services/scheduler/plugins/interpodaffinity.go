package plugins

import (
	"kaji.dev/kaji/services/scheduler/framework"
)

// InterPodAffinity keeps pods near the pods they want and away from those they do not, by the labels of the nodes: what the pod requires, what
// pods that are there require of it, and the preferences of both.
type InterPodAffinity struct {
	// Namespaces finds the labels of a namespace, for terms with a namespaceSelector.
	Namespaces framework.NamespaceLabels
}

const (
	interPodName = "InterPodAffinity"
	// hardAffinityWeight is what a required affinity of a pod that is there counts as a preference for the newcomer: affinity is not symmetric, this leans that way.
	hardAffinityWeight int64 = 1
)

var (
	affinityUnmet     = framework.NewStatus(framework.Unresolvable, interPodName, "node(s) didn't match pod affinity rules")
	antiAffinityUnmet = framework.NewStatus(framework.Unschedulable, interPodName, "node(s) didn't match pod anti-affinity rules")
	existingAntiUnmet = framework.NewStatus(framework.Unschedulable, interPodName, "node(s) didn't satisfy existing pods anti-affinity rules")
)

// Name implements framework.Plugin.
func (InterPodAffinity) Name() string { return interPodName }

// domain is a label value: all nodes with it are one place.
type domain struct{ key, value string }

// affinityCounts is what one decision knows: how many pods in each domain speak for or against the pod.
type affinityCounts struct {
	// existingAnti counts pods whose required anti-affinity is about the pod.
	existingAnti map[domain]int64
	// affinity counts pods that all of the pod's affinity terms are about; anti those that any of its anti-affinity terms is about.
	affinity map[domain]int64
	anti     map[domain]int64
}

// PreFilter implements framework.PreFilterPlugin.
func (pl InterPodAffinity) PreFilter(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot) ([]string, *framework.Status) {
	counts := &affinityCounts{existingAnti: map[domain]int64{}}
	cluster.WithAntiAffinity(func(n *framework.NodeInfo) {
		for _, there := range n.Pods {
			for i := range there.RequiredAntiAffinity {
				term := &there.RequiredAntiAffinity[i]
				if term.Matches(p, pl.Namespaces) {
					count(counts.existingAnti, n, term.TopologyKey, 1)
				}
			}
		}
	})
	if len(counts.existingAnti)+len(p.RequiredAffinity)+len(p.RequiredAntiAffinity) == 0 {
		return nil, framework.NewStatus(framework.Skip, interPodName)
	}
	if len(p.RequiredAffinity)+len(p.RequiredAntiAffinity) > 0 {
		counts.affinity, counts.anti = map[domain]int64{}, map[domain]int64{}
		for _, n := range cluster.Nodes() {
			for _, there := range n.Pods {
				pl.countIncoming(counts, p, there, n)
			}
		}
	}
	state.Write(interPodName, counts)
	return nil, nil
}

// countIncoming counts a pod that is there for the pod's own terms.
func (pl InterPodAffinity) countIncoming(counts *affinityCounts, p, there *framework.PodInfo, n *framework.NodeInfo) {
	if len(p.RequiredAffinity) > 0 && pl.matchesAll(p.RequiredAffinity, there) {
		for i := range p.RequiredAffinity {
			count(counts.affinity, n, p.RequiredAffinity[i].TopologyKey, 1)
		}
	}
	for i := range p.RequiredAntiAffinity {
		if p.RequiredAntiAffinity[i].Matches(there, pl.Namespaces) {
			count(counts.anti, n, p.RequiredAntiAffinity[i].TopologyKey, 1)
		}
	}
}

func (pl InterPodAffinity) matchesAll(terms []framework.AffinityTerm, p *framework.PodInfo) bool {
	for i := range terms {
		if !terms[i].Matches(p, pl.Namespaces) {
			return false
		}
	}
	return true
}

func count(counts map[domain]int64, n *framework.NodeInfo, key string, by int64) {
	if value, ok := n.Node.GetMetadata().GetLabels()[key]; ok {
		counts[domain{key, value}] += by
	}
}

// Filter implements framework.FilterPlugin.
func (pl InterPodAffinity) Filter(state *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	counts := framework.Read[*affinityCounts](state, interPodName)
	labels := n.Node.GetMetadata().GetLabels()
	if !pl.affinityMet(counts, p, labels) {
		return affinityUnmet
	}
	for i := range p.RequiredAntiAffinity {
		key := p.RequiredAntiAffinity[i].TopologyKey
		if value, ok := labels[key]; ok && counts.anti[domain{key, value}] > 0 {
			return antiAffinityUnmet
		}
	}
	if len(counts.existingAnti) > 0 {
		for key, value := range labels {
			if counts.existingAnti[domain{key, value}] > 0 {
				return existingAntiUnmet
			}
		}
	}
	return nil
}

// affinityMet tells whether the node is in a domain of pods the pod wants, for every term. When there are none anywhere, a pod that
// its own terms are about may be the first: otherwise no group of pods that want each other could ever start.
func (pl InterPodAffinity) affinityMet(counts *affinityCounts, p *framework.PodInfo, labels map[string]string) bool {
	met := true
	for i := range p.RequiredAffinity {
		key := p.RequiredAffinity[i].TopologyKey
		value, ok := labels[key]
		if !ok {
			return false
		}
		if counts.affinity[domain{key, value}] == 0 {
			met = false
		}
	}
	return met || len(counts.affinity) == 0 && pl.matchesAll(p.RequiredAffinity, p)
}

// Hints implements framework.HintPlugin.
func (pl InterPodAffinity) Hints() []framework.EventHint {
	return []framework.EventHint{
		{Object: framework.AssignedPod, Actions: framework.Added | framework.Deleted | framework.LabelsChanged, Helps: pl.podHelps},
		{Object: framework.NodeObject, Actions: framework.Added | framework.LabelsChanged},
		{Object: framework.NamespaceObject, Actions: framework.Added | framework.LabelsChanged, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			for _, terms := range [][]framework.AffinityTerm{p.RequiredAffinity, p.RequiredAntiAffinity} {
				for i := range terms {
					if terms[i].NamespaceSelector != nil {
						return true
					}
				}
			}
			// Pods that are there may have selected the pod's own namespace.
			return c.Namespace == p.Namespace
		}},
	}
}

// podHelps tells whether a pod that came is one the pod wants, or one that went is one it does not want or that did not want it.
func (pl InterPodAffinity) podHelps(p *framework.PodInfo, c *framework.Change) bool {
	if c.NewPod != nil {
		for i := range p.RequiredAffinity {
			if p.RequiredAffinity[i].Matches(c.NewPod, pl.Namespaces) {
				return true
			}
		}
	}
	if c.OldPod != nil {
		for i := range p.RequiredAntiAffinity {
			if p.RequiredAntiAffinity[i].Matches(c.OldPod, pl.Namespaces) {
				return true
			}
		}
		for i := range c.OldPod.RequiredAntiAffinity {
			if c.OldPod.RequiredAntiAffinity[i].Matches(p, pl.Namespaces) {
				return true
			}
		}
		// A self-affine group whose last pod went may start anew elsewhere.
		for i := range p.RequiredAffinity {
			if p.RequiredAffinity[i].Matches(c.OldPod, pl.Namespaces) && pl.matchesAll(p.RequiredAffinity, p) {
				return true
			}
		}
	}
	return false
}
