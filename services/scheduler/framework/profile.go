package framework

import (
	"fmt"
	"slices"
)

// Weighted is a plugin with the weight of its points.
type Weighted struct {
	Plugin Plugin
	// Weight multiplies the plugin's points; it must be positive for plugins that score.
	Weight int64
}

// Profile is a set of plugins sorted by extension point. It is immutable.
type Profile struct {
	PreEnqueue []PreEnqueuePlugin
	PreFilter  []PreFilterPlugin
	Filter     []FilterPlugin
	PreScore   []PreScorePlugin
	Score      []ScorePlugin
	// Weights has the weight of each of Score.
	Weights []int64
	hints   map[string][]EventHint
	names   map[string]bool
}

// NewProfile sorts plugins by what they implement, in the order given.
func NewProfile(plugins ...Weighted) (*Profile, error) {
	pr := &Profile{hints: map[string][]EventHint{}, names: map[string]bool{}}
	for _, w := range plugins {
		name := w.Plugin.Name()
		if pr.names[name] {
			return nil, fmt.Errorf("plugin %s is listed twice", name)
		}
		pr.names[name] = true
		if p, ok := w.Plugin.(PreEnqueuePlugin); ok {
			pr.PreEnqueue = append(pr.PreEnqueue, p)
		}
		if p, ok := w.Plugin.(PreFilterPlugin); ok {
			pr.PreFilter = append(pr.PreFilter, p)
		}
		if p, ok := w.Plugin.(FilterPlugin); ok {
			pr.Filter = append(pr.Filter, p)
		}
		if p, ok := w.Plugin.(PreScorePlugin); ok {
			pr.PreScore = append(pr.PreScore, p)
		}
		if p, ok := w.Plugin.(ScorePlugin); ok {
			if w.Weight <= 0 {
				return nil, fmt.Errorf("plugin %s scores nodes and needs a positive weight, got %d", name, w.Weight)
			}
			pr.Score = append(pr.Score, p)
			pr.Weights = append(pr.Weights, w.Weight)
		}
		if p, ok := w.Plugin.(HintPlugin); ok {
			pr.hints[name] = p.Hints()
		}
	}
	return pr, nil
}

// Gate returns the first rejection by PreEnqueue; nil when the pod may be tried.
func (pr *Profile) Gate(p *PodInfo) *Status {
	for _, plugin := range pr.PreEnqueue {
		if s := plugin.PreEnqueue(p); !s.OK() {
			return s
		}
	}
	return nil
}

// Concerns tells whether the change can matter to a plugin, whatever the pod.
func (pr *Profile) Concerns(plugin string, c *Change) bool {
	hints, ok := pr.hints[plugin]
	if !ok {
		return true
	}
	return slices.ContainsFunc(hints, func(h EventHint) bool { return h.Matches(c) })
}

// Helps tells whether the change can turn the plugin's rejection of the pod.
func (pr *Profile) Helps(plugin string, p *PodInfo, c *Change) bool {
	hints, ok := pr.hints[plugin]
	if !ok {
		return true
	}
	return slices.ContainsFunc(hints, func(h EventHint) bool {
		return h.Matches(c) && (h.Helps == nil || h.Helps(p, c))
	})
}

// Limit is a set of nodes outside of which a pod cannot fit.
type Limit struct {
	// Names of the nodes.
	Names []string
	// Plugins that set the limit.
	Plugins []string
}

// RunPreFilter runs the PreFilter plugins. It returns the only nodes that can fit, nil for all; and a rejection or failure that ends the decision.
func (pr *Profile) RunPreFilter(state *CycleState, p *PodInfo, cluster *Snapshot) (*Limit, *Status) {
	var limit *Limit
	for _, plugin := range pr.PreFilter {
		names, s := plugin.PreFilter(state, p, cluster)
		switch s.GetCode() {
		case Success:
		case Skip:
			state.skipped = append(state.skipped, plugin.Name())
		default:
			return nil, s
		}
		if names == nil {
			continue
		}
		if limit == nil {
			limit = &Limit{Names: names}
		} else {
			limit.Names = slices.DeleteFunc(slices.Clone(limit.Names), func(n string) bool { return !slices.Contains(names, n) })
		}
		limit.Plugins = append(limit.Plugins, plugin.Name())
	}
	return limit, nil
}

// Filters returns the Filter plugins that have something to say after RunPreFilter, appended to into.
func (pr *Profile) Filters(state *CycleState, into []FilterPlugin) []FilterPlugin {
	for _, f := range pr.Filter {
		if !slices.Contains(state.skipped, f.Name()) {
			into = append(into, f)
		}
	}
	return into
}

// Scorer is a scoring plugin that has something to say, with its weight.
type Scorer struct {
	ScorePlugin
	Weight int64
}

// RunPreScore runs the PreScore plugins and returns those whose scores count.
func (pr *Profile) RunPreScore(state *CycleState, p *PodInfo, cluster *Snapshot, nodes []*NodeInfo, into []Scorer) ([]Scorer, *Status) {
	var skipped []string
	for _, plugin := range pr.PreScore {
		switch s := plugin.PreScore(state, p, cluster, nodes); s.GetCode() {
		case Success:
		case Skip:
			skipped = append(skipped, plugin.Name())
		default:
			return nil, s
		}
	}
	for i, s := range pr.Score {
		if !slices.Contains(skipped, s.Name()) {
			into = append(into, Scorer{s, pr.Weights[i]})
		}
	}
	return into, nil
}
