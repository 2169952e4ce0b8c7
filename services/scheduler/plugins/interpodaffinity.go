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

// affinityCounts is what one decision knows: how many pods in each domain speak for or against the pod.
type affinityCounts struct {
	// existingAnti counts pods whose required anti-affinity is about the pod.
	existingAnti tallies
	// affinity counts pods that all of the pod's affinity terms are about; anti those that any of its anti-affinity terms is about.
	affinity tallies
	anti     tallies
	// first tells that no pod anywhere is what the pod wants, but the pod itself is.
	first bool
}

// PreFilter implements framework.PreFilterPlugin.
func (pl InterPodAffinity) PreFilter(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot) ([]string, *framework.Status) {
	counts := &affinityCounts{}
	if with := cluster.WithAntiAffinity(); len(with) > 0 {
		perNode := framework.PerNode(cluster, "anti-affinity-to/"+pl.about(p), func(n *framework.NodeInfo) []keyWeight { return pl.antiAffinityTo(p, n) })
		for _, i := range with {
			for _, w := range perNode[i] {
				counts.existingAnti.add(cluster, i, w.key, w.weight)
			}
		}
	}
	if len(counts.existingAnti)+len(p.RequiredAffinity)+len(p.RequiredAntiAffinity) == 0 {
		return nil, framework.NewStatus(framework.Skip, interPodName)
	}
	if len(p.RequiredAffinity) > 0 {
		found := false
		for i, n := range pl.matching(cluster, p.RequiredAffinity) {
			if n == 0 {
				continue
			}
			for k := range p.RequiredAffinity {
				found = counts.affinity.add(cluster, i, p.RequiredAffinity[k].TopologyKey, n) || found
			}
		}
		counts.first = !found && pl.matchesAll(p.RequiredAffinity, p)
	}
	for k := range p.RequiredAntiAffinity {
		for i, n := range pl.matching(cluster, p.RequiredAntiAffinity[k:k+1]) {
			if n > 0 {
				counts.anti.add(cluster, i, p.RequiredAntiAffinity[k].TopologyKey, n)
			}
		}
	}
	state.Write(interPodName, counts)
	return nil, nil
}

// antiAffinityTo lists the required anti-affinity of the pods on a node that is about the pod.
func (pl InterPodAffinity) antiAffinityTo(p *framework.PodInfo, n *framework.NodeInfo) (out []keyWeight) {
	if n.AntiAffinity == 0 {
		return nil
	}
	for _, there := range n.Pods {
		for i := range there.RequiredAntiAffinity {
			if term := &there.RequiredAntiAffinity[i]; term.Matches(p, pl.Namespaces) {
				out = addWeight(out, term.TopologyKey, 1)
			}
		}
	}
	return out
}

func (pl InterPodAffinity) matchesAll(terms []framework.AffinityTerm, p *framework.PodInfo) bool {
	for i := range terms {
		if !terms[i].Matches(p, pl.Namespaces) {
			return false
		}
	}
	return true
}

// Filter implements framework.FilterPlugin.
func (pl InterPodAffinity) Filter(state *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	counts := framework.Read[*affinityCounts](state, interPodName)
	if !counts.affinityMet(p, n) {
		return affinityUnmet
	}
	if counts.anti.anyAt(n) {
		return antiAffinityUnmet
	}
	if counts.existingAnti.anyAt(n) {
		return existingAntiUnmet
	}
	return nil
}

// affinityMet tells whether the node is in a domain of pods the pod wants, for every term. When there are none anywhere, a pod that
// its own terms are about may be the first: otherwise no group of pods that want each other could ever start.
func (c *affinityCounts) affinityMet(p *framework.PodInfo, n *framework.NodeInfo) bool {
	met := true
	for i := range p.RequiredAffinity {
		key := p.RequiredAffinity[i].TopologyKey
		if _, ok := n.Node.GetMetadata().GetLabels()[key]; !ok {
			return false
		}
		if c.affinity.at(n, key) == 0 {
			met = false
		}
	}
	return met || c.first
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
