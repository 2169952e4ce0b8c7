package framework

// MaxScore is the most points a plugin gives a node, before weighting.
const MaxScore int64 = 100

// Plugin is one concern of scheduling. It implements one or more of the interfaces below.
type Plugin interface {
	// Name is the plugin's name in messages and in Explain.
	Name() string
}

// PreEnqueuePlugin keeps pods from being tried at all.
type PreEnqueuePlugin interface {
	Plugin
	// PreEnqueue rejects a pod that must not be tried yet.
	PreEnqueue(p *PodInfo) *Status
}

// PreFilterPlugin looks at pod and cluster before the nodes are walked.
type PreFilterPlugin interface {
	Plugin
	// PreFilter works out what Filter needs, once. Skip leaves out the plugin's Filter for this pod; a rejection ends the decision.
	// The names, when not nil, are the only nodes that can fit.
	PreFilter(state *CycleState, p *PodInfo, cluster *Snapshot) (names []string, status *Status)
}

// FilterPlugin says no to nodes.
type FilterPlugin interface {
	Plugin
	// Filter rejects a node for a pod, or returns nil.
	Filter(state *CycleState, p *PodInfo, n *NodeInfo) *Status
}

// PreScorePlugin looks at the nodes that fit before they are scored.
type PreScorePlugin interface {
	Plugin
	// PreScore works out what Score needs, once. Skip leaves out the plugin's Score for this pod.
	PreScore(state *CycleState, p *PodInfo, cluster *Snapshot, nodes []*NodeInfo) *Status
}

// ScorePlugin ranks nodes that fit.
type ScorePlugin interface {
	Plugin
	// Score gives points from 0 to MaxScore, or any number when the plugin normalizes.
	Score(state *CycleState, p *PodInfo, n *NodeInfo) int64
}

// NormalizePlugin brings its points to 0..MaxScore once all nodes have theirs.
type NormalizePlugin interface {
	ScorePlugin
	// NormalizeScores changes the points of the nodes in place.
	NormalizeScores(state *CycleState, p *PodInfo, nodes []*NodeInfo, scores []int64)
}

// HintPlugin knows what changes can turn its rejections.
type HintPlugin interface {
	Plugin
	// Hints lists them. A plugin that rejects and has none is asked again after every change.
	Hints() []EventHint
}

// Normalize brings scores to 0..MaxScore in proportion to the greatest; reverse turns them round, for plugins that count what is bad.
func Normalize(scores []int64, reverse bool) {
	var most int64
	for _, s := range scores {
		most = max(most, s)
	}
	for i, s := range scores {
		if most > 0 {
			s = s * MaxScore / most
		}
		if reverse {
			s = MaxScore - s
		}
		scores[i] = s
	}
}
