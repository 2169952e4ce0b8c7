package plugins

import (
	"math"

	"kaji.dev/kaji/services/scheduler/framework"
)

const spreadScores = spreadName + "/scores"

// softSpread is what one decision knows of one ScheduleAnyway constraint.
type softSpread struct {
	spreadConstraint
	byValue map[string]int64 // nil for host names, which are counted node by node
	weight  float64          // grows with the number of domains, so that many small ones weigh as much as few large ones
}

type softSpreads struct {
	constraints []softSpread
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
	s := &softSpreads{constraints: make([]softSpread, len(constraints)), strict: strict}
	for i, c := range constraints {
		s.constraints[i].spreadConstraint = c
		if c.key != hostnameKey {
			s.constraints[i].byValue = map[string]int64{}
		}
	}
	hosts := 0
	for _, n := range nodes {
		if s.ignores(n) {
			continue
		}
		hosts++
		nodeLabels := n.Node.GetMetadata().GetLabels()
		for i := range s.constraints {
			if c := &s.constraints[i]; c.byValue != nil {
				if value, ok := nodeLabels[c.key]; ok {
					c.byValue[value] = 0
				}
			}
		}
	}
	for i := range s.constraints {
		c := &s.constraints[i]
		domains := len(c.byValue)
		if c.byValue == nil {
			domains = hosts
		}
		c.weight = math.Log(float64(domains + 2))
		if len(c.byValue) > 0 {
			c.fill(p, cluster, s)
		}
	}
	state.Write(spreadScores, s)
	return nil
}

// fill counts the like pods in the domains of the nodes that fit, on all nodes of those domains.
func (c *softSpread) fill(p *framework.PodInfo, cluster *framework.Snapshot, s *softSpreads) {
	for _, n := range cluster.Nodes() {
		value, ok := n.Node.GetMetadata().GetLabels()[c.key]
		if !ok || s.ignores(n) || !c.counts(p, n) {
			continue
		}
		if sum, wanted := c.byValue[value]; wanted {
			if here := c.count(p, n); here > 0 {
				c.byValue[value] = sum + here
			}
		}
	}
}

func (s *softSpreads) ignores(n *framework.NodeInfo) bool {
	if !s.strict {
		return false
	}
	nodeLabels := n.Node.GetMetadata().GetLabels()
	for i := range s.constraints {
		if _, ok := nodeLabels[s.constraints[i].key]; !ok {
			return true
		}
	}
	return false
}

// Score implements framework.ScorePlugin: like pods in the node's domains, the fewer the better; -1 for nodes left out.
func (PodTopologySpread) Score(state *framework.CycleState, p *framework.PodInfo, n *framework.NodeInfo) int64 {
	s := framework.Read[*softSpreads](state, spreadScores)
	if s.ignores(n) {
		return -1
	}
	nodeLabels := n.Node.GetMetadata().GetLabels()
	var score float64
	for i := range s.constraints {
		c := &s.constraints[i]
		value, ok := nodeLabels[c.key]
		if !ok {
			continue
		}
		var like int64
		if c.byValue == nil {
			like = c.count(p, n)
		} else {
			like = c.byValue[value]
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
