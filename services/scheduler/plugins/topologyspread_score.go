package plugins

import (
	"math"

	"kaji.dev/kaji/services/scheduler/framework"
)

const spreadScores = spreadName + "/scores"

// softSpread is what one decision knows of one ScheduleAnyway constraint.
type softSpread struct {
	spreadConstraint
	domains *framework.Domains
	like    []int64 // pods by domain; nil for host names, which are counted node by node
	perNode []int64
	weight  float64 // grows with the number of domains, so that many small ones weigh as much as few large ones
}

type softSpreads struct {
	constraints []softSpread
	cluster     *framework.Snapshot
	// strict leaves nodes that lack any of the keys without points; the defaults are lenient.
	strict bool
}

// PreScore implements framework.PreScorePlugin.
func (PodTopologySpread) PreScore(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot, nodes []*framework.NodeInfo) *framework.Status {
	constraints, strict := spreadConstraints(p, "ScheduleAnyway"), true
	if len(p.Pod.GetSpec().GetTopologySpreadConstraints()) == 0 {
		constraints, strict = defaultSpread(p), false
	}
	if len(constraints) == 0 {
		return framework.NewStatus(framework.Skip, spreadName)
	}
	s := &softSpreads{constraints: make([]softSpread, len(constraints)), cluster: cluster, strict: strict}
	for i, c := range constraints {
		s.constraints[i] = softSpread{spreadConstraint: c, domains: cluster.Domains(c.key)}
	}
	for i := range s.constraints {
		s.constraints[i].tally(p, s, nodes)
	}
	state.Write(spreadScores, s)
	return nil
}

// tally counts the like pods in the domains of the nodes that fit, on all nodes of those domains.
func (c *softSpread) tally(p *framework.PodInfo, s *softSpreads, fit []*framework.NodeInfo) {
	c.perNode = c.spreadConstraint.perNode(p, s.cluster)
	domains := 0
	wanted := make([]bool, c.domains.Len())
	for _, n := range fit {
		if s.ignores(n) {
			continue
		}
		if c.key == hostnameKey {
			domains++
		} else if d := c.domains.Of(n); d >= 0 && !wanted[d] {
			wanted[d] = true
			domains++
		}
	}
	c.weight = math.Log(float64(domains + 2))
	if c.key == hostnameKey {
		return
	}
	c.like = make([]int64, c.domains.Len())
	if domains == 0 {
		return
	}
	picky, nodes := c.picky(p), s.cluster.Nodes()
	for i, like := range c.perNode {
		d := c.domains.At(i)
		if like == 0 || d < 0 || !wanted[d] || s.strict && s.ignores(nodes[i]) || picky && !c.counts(p, nodes[i]) {
			continue
		}
		c.like[d] += like
	}
}

func (s *softSpreads) ignores(n *framework.NodeInfo) bool {
	if !s.strict {
		return false
	}
	for i := range s.constraints {
		if s.constraints[i].domains.Of(n) < 0 {
			return true
		}
	}
	return false
}

// Score implements framework.ScorePlugin: like pods in the node's domains, the fewer the better; -1 for nodes left out.
func (PodTopologySpread) Score(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) int64 {
	s := framework.Read[*softSpreads](state, spreadScores)
	if s.ignores(n) {
		return -1
	}
	var score float64
	for i := range s.constraints {
		c := &s.constraints[i]
		d := c.domains.Of(n)
		if d < 0 {
			continue
		}
		like := int64(0)
		if c.like != nil {
			like = c.like[d]
		} else if at := s.cluster.Index(n.Name); at >= 0 {
			like = c.perNode[at]
		}
		score += float64(like)*c.weight + float64(c.maxSkew-1)
	}
	return int64(math.Round(score))
}

// NormalizeScores implements framework.NormalizePlugin.
func (PodTopologySpread) NormalizeScores(_ *framework.CycleState, _ *framework.PodInfo, _ []*framework.NodeInfo, scores []int64) {
	least, most := int64(math.MaxInt64), int64(0)
	for _, s := range scores {
		if s >= 0 {
			least, most = min(least, s), max(most, s)
		}
	}
	for i, s := range scores {
		switch {
		case s < 0:
			scores[i] = 0
		case most == 0:
			scores[i] = framework.MaxScore
		default:
			scores[i] = framework.MaxScore * (most + least - s) / most
		}
	}
}
