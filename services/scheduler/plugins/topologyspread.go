package plugins

import (
	"math"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"kaji.dev/kaji/services/scheduler/framework"
)

// PodTopologySpread spreads like pods over zones, nodes or whatever a node label tells apart: strictly where a constraint says DoNotSchedule, as well as it goes
// where it says ScheduleAnyway. Replicas of a controller without constraints are spread over nodes and zones as well as it goes.
type PodTopologySpread struct{}

const (
	spreadName  = "PodTopologySpread"
	hostnameKey = "kubernetes.io/hostname"
	zoneKey     = "topology.kubernetes.io/zone"
)

var (
	spreadUnmet   = framework.NewStatus(framework.Unschedulable, spreadName, "node(s) didn't match pod topology spread constraints")
	spreadUnlabel = framework.NewStatus(framework.Unresolvable, spreadName, "node(s) didn't match pod topology spread constraints (missing required label)")
)

// Name implements framework.Plugin.
func (PodTopologySpread) Name() string { return spreadName }

// spreadConstraint is a constraint, compiled. It counts either pods of its namespace that a selector selects, or the replicas of one controller.
type spreadConstraint struct {
	key        string
	maxSkew    int64
	minDomains int
	selector   labels.Selector
	ownerKey   uint64
	affinity   bool // nodes the pod's node affinity leaves out do not count
	taints     bool // nodes with taints the pod does not tolerate do not count
}

func spreadConstraints(p *framework.PodInfo, whenUnsatisfiable string) []spreadConstraint {
	var out []spreadConstraint
	for _, c := range p.Pod.GetSpec().GetTopologySpreadConstraints() {
		if c.GetWhenUnsatisfiable() != whenUnsatisfiable {
			continue
		}
		s := spreadConstraint{
			key: c.GetTopologyKey(), maxSkew: int64(c.GetMaxSkew()), minDomains: 1,
			selector: framework.RequireOwnLabels(framework.CompileSelector(c.GetLabelSelector()), p.Labels, c.GetMatchLabelKeys(), selection.In),
			affinity: c.GetNodeAffinityPolicy() != "Ignore", taints: c.GetNodeTaintsPolicy() == "Honor",
		}
		if c.MinDomains != nil {
			s.minDomains = int(c.GetMinDomains())
		}
		out = append(out, s)
	}
	return out
}

// count is the number of like pods on a node.
func (c *spreadConstraint) count(p *framework.PodInfo, n *framework.NodeInfo) int64 {
	var sum int64
	if c.selector == nil {
		for _, key := range n.OwnerKeys {
			if key == c.ownerKey {
				sum++
			}
		}
		return sum
	}
	for _, there := range n.Pods {
		if there.Namespace == p.Namespace && !there.Terminating() && c.selector.Matches(there.Labels) {
			sum++
		}
	}
	return sum
}

// counts tells whether a node takes part.
func (c *spreadConstraint) counts(p *framework.PodInfo, n *framework.NodeInfo) bool {
	return (!c.affinity || p.NodeAffinity.Matches(n.Node)) && (!c.taints || !n.Tainted || untolerated(n.Node, p) == nil)
}

// spread is what one decision knows of one constraint.
type spread struct {
	spreadConstraint
	byValue map[string]int64
	least   int64
	self    int64 // 1 when the pod counts itself
}

// PreFilter implements framework.PreFilterPlugin.
func (PodTopologySpread) PreFilter(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot) ([]string, *framework.Status) {
	constraints := spreadConstraints(p, "DoNotSchedule")
	if len(constraints) == 0 {
		return nil, framework.NewStatus(framework.Skip, spreadName)
	}
	spreads := make([]spread, len(constraints))
	for i, c := range constraints {
		spreads[i] = spread{spreadConstraint: c, byValue: map[string]int64{}}
		if c.selector.Matches(p.Labels) {
			spreads[i].self = 1
		}
	}
	for _, n := range cluster.Nodes() {
		nodeLabels := n.Node.GetMetadata().GetLabels()
		if !hasAll(nodeLabels, spreads) {
			continue
		}
		for i := range spreads {
			if s := &spreads[i]; s.counts(p, n) {
				s.byValue[nodeLabels[s.key]] += s.count(p, n)
			}
		}
	}
	for i := range spreads {
		s := &spreads[i]
		if len(s.byValue) < s.minDomains {
			continue // the missing domains have no pods
		}
		s.least = math.MaxInt64
		for _, n := range s.byValue {
			s.least = min(s.least, n)
		}
	}
	state.Write(spreadName, spreads)
	return nil, nil
}

func hasAll(nodeLabels map[string]string, spreads []spread) bool {
	for i := range spreads {
		if _, ok := nodeLabels[spreads[i].key]; !ok {
			return false
		}
	}
	return true
}

// Filter implements framework.FilterPlugin.
func (PodTopologySpread) Filter(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	nodeLabels := n.Node.GetMetadata().GetLabels()
	spreads := framework.Read[[]spread](state, spreadName)
	for i := range spreads {
		s := &spreads[i]
		value, ok := nodeLabels[s.key]
		if !ok {
			return spreadUnlabel
		}
		if s.byValue[value]+s.self-s.least > s.maxSkew {
			return spreadUnmet
		}
	}
	return nil
}

// Hints implements framework.HintPlugin.
func (PodTopologySpread) Hints() []framework.EventHint {
	pods := framework.Added | framework.Deleted | framework.LabelsChanged | framework.Terminating
	return []framework.EventHint{
		{Object: framework.AssignedPod, Actions: pods, Helps: func(p *framework.PodInfo, c *framework.Change) bool {
			for _, s := range spreadConstraints(p, "DoNotSchedule") {
				if alike(p, c.OldPod, &s) || alike(p, c.NewPod, &s) {
					return true
				}
			}
			return false
		}},
		{Object: framework.NodeObject, Actions: framework.Added | framework.Deleted | framework.LabelsChanged | framework.TaintsChanged},
	}
}

func alike(p, other *framework.PodInfo, c *spreadConstraint) bool {
	return other != nil && other.Namespace == p.Namespace && c.selector.Matches(other.Labels)
}

// defaultSpread is what replicas without constraints of their own get, as in Kubernetes.
func defaultSpread(p *framework.PodInfo) []spreadConstraint {
	if p.OwnerKey == 0 || len(p.Pod.GetSpec().GetTopologySpreadConstraints()) > 0 {
		return nil
	}
	return []spreadConstraint{
		{key: hostnameKey, maxSkew: 3, ownerKey: p.OwnerKey, affinity: true},
		{key: zoneKey, maxSkew: 5, ownerKey: p.OwnerKey, affinity: true},
	}
}
