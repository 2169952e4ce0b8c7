package plugins

import "kaji.dev/kaji/services/scheduler/framework"

const interPodScores = interPodName + "/scores"

// PreScore implements framework.PreScorePlugin: it sums the weights of all preferences by domain.
func (pl InterPodAffinity) PreScore(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot, _ []*framework.NodeInfo) *framework.Status {
	sums := &tallies{}
	pl.addWanted(sums, cluster, p.PreferredAffinity, 1)
	pl.addWanted(sums, cluster, p.PreferredAntiAffinity, -1)
	if with := cluster.WithAffinity(); len(with) > 0 {
		perNode := framework.PerNode(cluster, "preferences-for/"+pl.about(p), func(n *framework.NodeInfo) []keyWeight { return pl.preferencesFor(p, n) })
		for _, i := range with {
			for _, w := range perNode[i] {
				sums.add(cluster, i, w.key, w.weight)
			}
		}
	}
	if len(*sums) == 0 {
		return framework.NewStatus(framework.Skip, interPodName)
	}
	state.Write(interPodScores, sums)
	return nil
}

// addWanted adds the weights of the pod's own preferences, once for each pod they are about.
func (pl InterPodAffinity) addWanted(sums *tallies, cluster *framework.Snapshot, terms []framework.WeightedAffinityTerm, sign int64) {
	for k := range terms {
		term := &terms[k]
		for i, n := range pl.matching(cluster, []framework.AffinityTerm{term.AffinityTerm}) {
			if n > 0 {
				sums.add(cluster, i, term.TopologyKey, sign*n*int64(term.Weight))
			}
		}
	}
}

// preferencesFor lists what the pods on a node think of having the pod in their domains.
func (pl InterPodAffinity) preferencesFor(p *framework.PodInfo, n *framework.NodeInfo) (out []keyWeight) {
	if n.Affinity == 0 {
		return nil
	}
	for _, there := range n.Pods {
		for i := range there.RequiredAffinity {
			if term := &there.RequiredAffinity[i]; term.Matches(p, pl.Namespaces) {
				out = addWeight(out, term.TopologyKey, hardAffinityWeight)
			}
		}
		for i := range there.PreferredAffinity {
			if term := &there.PreferredAffinity[i]; term.Matches(p, pl.Namespaces) {
				out = addWeight(out, term.TopologyKey, int64(term.Weight))
			}
		}
		for i := range there.PreferredAntiAffinity {
			if term := &there.PreferredAntiAffinity[i]; term.Matches(p, pl.Namespaces) {
				out = addWeight(out, term.TopologyKey, -int64(term.Weight))
			}
		}
	}
	return out
}

// Score implements framework.ScorePlugin.
func (InterPodAffinity) Score(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) int64 {
	return framework.Read[*tallies](state, interPodScores).total(n)
}

// NormalizeScores implements framework.NormalizePlugin: the worst node gets nothing, the best everything.
func (InterPodAffinity) NormalizeScores(_ *framework.CycleState, _ *framework.PodInfo, _ []*framework.NodeInfo, scores []int64) {
	if len(scores) == 0 {
		return
	}
	least, most := scores[0], scores[0]
	for _, s := range scores {
		least, most = min(least, s), max(most, s)
	}
	for i, s := range scores {
		scores[i] = 0
		if most > least {
			scores[i] = framework.MaxScore * (s - least) / (most - least)
		}
	}
}
