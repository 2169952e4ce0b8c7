// Package placement makes one decision: which node a pod goes to, or why none will do.
//
// It owns the walk over the nodes, the sum of the scores and the choice among equals. It refuses to change anything: what it decides is for the caller to
// assume and bind. It is pure but for its position in the walk and its random numbers, which come from a seed.
// A Placer belongs to one goroutine; Explain is a function of its arguments and may be called concurrently.
package placement

import (
	"math/rand/v2"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Config has the settings of a Placer.
type Config struct {
	// Seed of the choice among equally good nodes.
	Seed uint64
	// PercentageOfNodesToScore stops the walk once so many percent of the nodes fit; 0 chooses by the size of the cluster.
	PercentageOfNodesToScore int
}

const (
	// minFeasible is the number of nodes that are always looked for, and the size of cluster below which all are looked at.
	minFeasible = 100
	// minPercentage is the least share of nodes looked for by an adaptive walk.
	minPercentage = 5
)

// Placer makes decisions.
type Placer struct {
	profile *framework.Profile
	cfg     Config
	rng     *rand.Rand
	start   int // where the next walk begins
	// scratch space
	state    framework.CycleState
	filters  []framework.FilterPlugin
	scorers  []framework.Scorer
	feasible []*framework.NodeInfo
	rejected []rejection
	totals   []int64
	points   []int64
}

type rejection struct {
	node   *framework.NodeInfo
	status *framework.Status
}

// New returns a Placer.
func New(profile *framework.Profile, cfg Config) *Placer {
	return &Placer{profile: profile, cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0xda3e39cb94b95bdb))}
}

// Decision is a node for a pod.
type Decision struct {
	Node string
	// Evaluated is the number of nodes looked at, Feasible of those that fit.
	Evaluated, Feasible int
}

// Place chooses a node for a pod, or says why there is none. The error is a *Failure.
func (pl *Placer) Place(p *framework.PodInfo, cluster *framework.Snapshot) (Decision, error) {
	pl.state.Reset()
	if cluster.Len() == 0 {
		return Decision{}, pl.noNodes()
	}
	limit, status := pl.profile.RunPreFilter(&pl.state, p, cluster)
	if status != nil {
		return Decision{}, rejectedAsAWhole(cluster, status)
	}
	evaluated, failed := pl.findFeasible(p, cluster, limit)
	if failed != nil {
		return Decision{}, rejectedAsAWhole(cluster, failed)
	}
	if len(pl.feasible) == 0 {
		return Decision{}, newFailure(cluster.Len(), pl.rejected, limit)
	}
	d := Decision{Node: pl.feasible[0].Name, Evaluated: evaluated, Feasible: len(pl.feasible)}
	if len(pl.feasible) == 1 {
		return d, nil
	}
	best, status := pl.best(p, cluster)
	if status != nil {
		return Decision{}, rejectedAsAWhole(cluster, status)
	}
	d.Node = best.Name
	return d, nil
}

// findFeasible walks the nodes from where the last walk ended until enough fit. It returns how many it looked at.
func (pl *Placer) findFeasible(p *framework.PodInfo, cluster *framework.Snapshot, limit *framework.Limit) (int, *framework.Status) {
	pl.filters = pl.profile.Filters(&pl.state, pl.filters[:0])
	pl.feasible, pl.rejected = pl.feasible[:0], pl.rejected[:0]
	if limit != nil {
		evaluated := 0
		for _, name := range limit.Names {
			if n := cluster.Get(name); n != nil {
				evaluated++
				if failed := pl.filter(p, n); failed != nil {
					return evaluated, failed
				}
			}
		}
		return evaluated, nil
	}
	nodes := cluster.Nodes()
	enough := pl.enough(len(nodes))
	at := pl.start % len(nodes)
	evaluated := 0
	for ; evaluated < len(nodes) && len(pl.feasible) < enough; evaluated++ {
		if failed := pl.filter(p, nodes[at]); failed != nil {
			return evaluated, failed
		}
		if at++; at == len(nodes) {
			at = 0
		}
	}
	pl.start = at
	return evaluated, nil
}

// filter notes whether the pod fits a node; it returns a status only when a plugin could not tell.
func (pl *Placer) filter(p *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	for _, f := range pl.filters {
		if s := f.Filter(&pl.state, p, n); s != nil {
			if s.Code == framework.Failed {
				return s
			}
			pl.rejected = append(pl.rejected, rejection{n, s})
			return nil
		}
	}
	pl.feasible = append(pl.feasible, n)
	return nil
}

// enough is how many nodes that fit are looked for: all in small clusters; of larger ones 50 % less one for each 125 nodes, at least 5 %.
func (pl *Placer) enough(nodes int) int {
	percentage := pl.cfg.PercentageOfNodesToScore
	if nodes < minFeasible || percentage >= 100 {
		return nodes
	}
	if percentage == 0 {
		percentage = max(50-nodes/125, minPercentage)
	}
	return max(nodes*percentage/100, minFeasible)
}

// best returns the node with the highest score; each of several equals with the same chance.
func (pl *Placer) best(p *framework.PodInfo, cluster *framework.Snapshot) (*framework.NodeInfo, *framework.Status) {
	scorers, status := pl.profile.RunPreScore(&pl.state, p, cluster, pl.feasible, pl.scorers[:0])
	if status != nil {
		return nil, status
	}
	pl.scorers = scorers
	n := len(pl.feasible)
	if cap(pl.totals) < n {
		pl.totals, pl.points = make([]int64, n), make([]int64, n)
	}
	totals, points := pl.totals[:n], pl.points[:n]
	clear(totals)
	for _, s := range scorers {
		score(&pl.state, s, p, pl.feasible, points)
		for i, v := range points {
			totals[i] += v
		}
	}
	chosen, equals := 0, 1
	for i := 1; i < n; i++ {
		switch {
		case totals[i] > totals[chosen]:
			chosen, equals = i, 1
		case totals[i] == totals[chosen]:
			if equals++; pl.rng.IntN(equals) == 0 {
				chosen = i
			}
		}
	}
	return pl.feasible[chosen], nil
}

// score fills in a plugin's weighted points for each node.
func score(state *framework.CycleState, s framework.Scorer, p *framework.PodInfo, nodes []*framework.NodeInfo, points []int64) {
	for i, n := range nodes {
		points[i] = s.Score(state, p, n)
	}
	if normalizer, ok := s.ScorePlugin.(framework.NormalizePlugin); ok {
		normalizer.NormalizeScores(state, p, nodes, points)
	}
	for i := range points {
		points[i] *= s.Weight
	}
}
