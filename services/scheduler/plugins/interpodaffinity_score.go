package plugins

import "kaji.dev/kaji/services/scheduler/framework"

const interPodScores = interPodName + "/scores"

// PreScore implements framework.PreScorePlugin: it sums the weights of all preferences by domain.
func (pl InterPodAffinity) PreScore(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot, _ []*framework.NodeInfo) *framework.Status {
	wants := len(p.PreferredAffinity)+len(p.PreferredAntiAffinity) > 0
	if !wants && !cluster.HasAffinity() {
		return framework.NewStatus(framework.Skip, interPodName)
	}
	sums := map[domain]int64{}
	each := func(n *framework.NodeInfo) {
		for _, there := range n.Pods {
			if wants {
				pl.sum(sums, p.PreferredAffinity, there, n, 1)
				pl.sum(sums, p.PreferredAntiAffinity, there, n, -1)
			}
			if !there.HasAffinity() {
				continue
			}
			for i := range there.RequiredAffinity {
				if there.RequiredAffinity[i].Matches(p, pl.Namespaces) {
					count(sums, n, there.RequiredAffinity[i].TopologyKey, hardAffinityWeight)
				}
			}
			pl.sum(sums, there.PreferredAffinity, p, n, 1)
			pl.sum(sums, there.PreferredAntiAffinity, p, n, -1)
		}
	}
	if wants {
		for _, n := range cluster.Nodes() {
			each(n)
		}
	} else {
		cluster.WithAffinity(each)
	}
	if len(sums) == 0 {
		return framework.NewStatus(framework.Skip, interPodName)
	}
	state.Write(interPodScores, sums)
	return nil
}

// sum adds the weights of the terms that are about the pod to the domains of the node.
func (pl InterPodAffinity) sum(sums map[domain]int64, terms []framework.WeightedAffinityTerm, about *framework.PodInfo, n *framework.NodeInfo, sign int64) {
	for i := range terms {
		if terms[i].Matches(about, pl.Namespaces) {
			count(sums, n, terms[i].TopologyKey, sign*int64(terms[i].Weight))
		}
	}
}

// Score implements framework.ScorePlugin.
func (InterPodAffinity) Score(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) int64 {
	sums := framework.Read[map[domain]int64](state, interPodScores)
	var total int64
	for key, value := range n.Node.GetMetadata().GetLabels() {
		total += sums[domain{key, value}]
	}
	return total
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
