package placement

import (
	"slices"
	"strings"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Verdict is what the plugins make of one node.
type Verdict struct {
	Node string
	// Rejections has one status per plugin that says no; empty when the pod fits.
	Rejections []*framework.Status
	// Scores has the weighted points by plugin, and Total their sum, when the pod fits.
	Scores map[string]int64
	Total  int64
}

// Explain asks every plugin about every node, without stopping at the first objection or at enough nodes. Verdicts are sorted by node. When no node fits,
// the failure says so in the words of Place: a node counts for its first objection.
func Explain(profile *framework.Profile, p *framework.PodInfo, cluster *framework.Snapshot) ([]Verdict, *Failure) {
	if cluster.Len() == 0 {
		return nil, New(profile, Config{}).noNodes()
	}
	state := &framework.CycleState{}
	limit, status := profile.RunPreFilter(state, p, cluster)
	verdicts := make([]Verdict, 0, cluster.Len())
	if status != nil {
		for _, n := range cluster.Nodes() {
			verdicts = append(verdicts, Verdict{Node: n.Name, Rejections: []*framework.Status{status}})
		}
		return sorted(verdicts), rejectedAsAWhole(cluster, status)
	}
	filters := profile.Filters(state, nil)
	var fits []*framework.NodeInfo
	var first []rejection
	for _, n := range cluster.Nodes() {
		v := Verdict{Node: n.Name}
		if limit != nil && !slices.Contains(limit.Names, n.Name) {
			for _, plugin := range limit.Plugins {
				v.Rejections = append(v.Rejections, framework.NewStatus(framework.Unresolvable, plugin, outsideLimit(limit)))
			}
		}
		outside := len(v.Rejections) > 0
		for _, f := range filters {
			s := f.Filter(state, p, n)
			if s == nil || slices.ContainsFunc(v.Rejections, func(r *framework.Status) bool { return r.Plugin == s.Plugin }) {
				continue
			}
			v.Rejections = append(v.Rejections, s)
		}
		switch {
		case len(v.Rejections) == 0:
			fits = append(fits, n)
		case !outside:
			first = append(first, rejection{n, v.Rejections[0]})
		}
		verdicts = append(verdicts, v)
	}
	if len(fits) == 0 {
		return sorted(verdicts), newFailure(cluster.Len(), first, limit)
	}
	scoreAll(profile, state, p, cluster, fits, verdicts)
	return sorted(verdicts), nil
}

func scoreAll(profile *framework.Profile, state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot, fits []*framework.NodeInfo, verdicts []Verdict) {
	scorers, status := profile.RunPreScore(state, p, cluster, fits, nil)
	if status != nil {
		return
	}
	byNode := make(map[string]*Verdict, len(verdicts))
	for i := range verdicts {
		byNode[verdicts[i].Node] = &verdicts[i]
	}
	points := make([]int64, len(fits))
	for _, s := range scorers {
		score(state, s, p, fits, points)
		for i, n := range fits {
			v := byNode[n.Name]
			if v.Scores == nil {
				v.Scores = make(map[string]int64, len(scorers))
			}
			v.Scores[s.Name()] = points[i]
			v.Total += points[i]
		}
	}
}

func sorted(verdicts []Verdict) []Verdict {
	slices.SortFunc(verdicts, func(a, b Verdict) int { return strings.Compare(a.Node, b.Node) })
	return verdicts
}
