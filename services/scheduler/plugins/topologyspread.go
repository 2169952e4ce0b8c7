package plugins

import (
	"math"
	"strconv"

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

// perNode is count for every node of the cluster.
func (c *spreadConstraint) perNode(p *framework.PodInfo, cluster *framework.Snapshot) []int64 {
	key := "spread/" + strconv.FormatUint(c.ownerKey, 16)
	if c.selector != nil {
		key = "spread/" + p.Namespace + "/" + c.selector.String()
	}
	return framework.PerNode(cluster, key, func(n *framework.NodeInfo) int64 { return c.count(p, n) })
}

// picky tells whether any node can be left out for this pod.
func (c *spreadConstraint) picky(p *framework.PodInfo) bool {
	return c.affinity && p.NodeAffinity != nil || c.taints
}

// spread is what one decision knows of one constraint.
type spread struct {
	spreadConstraint
	domains *framework.Domains
	like    []int64 // pods by domain
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
		spreads[i] = spread{spreadConstraint: c, domains: cluster.Domains(c.key)}
		if c.selector.Matches(p.Labels) {
			spreads[i].self = 1
		}
	}
	for i := range spreads {
		spreads[i].tally(p, cluster, spreads)
	}
	state.Write(spreadName, spreads)
	return nil, nil
}

// tally counts the like pods of each domain, on nodes that take part: those with the keys of all constraints. Domains with no such node do not count.
func (s *spread) tally(p *framework.PodInfo, cluster *framework.Snapshot, all []spread) {
	s.like = make([]int64, s.domains.Len())
	exists := make([]bool, s.domains.Len())
	perNode, picky, nodes := s.perNode(p, cluster), s.picky(p), cluster.Nodes()
	for i := range nodes {
		d := s.domains.At(i)
		if d < 0 || len(all) > 1 && !hasAll(i, all) || picky && !s.counts(p, nodes[i]) {
			continue
		}
		s.like[d] += perNode[i]
		exists[d] = true
	}
	domains, least := 0, int64(math.MaxInt64)
	for d, there := range exists {
		if there {
			domains++
			least = min(least, s.like[d])
		}
	}
	if domains >= s.minDomains { // otherwise the missing domains have no pods
		s.least = least
	}
}

func hasAll(i int, spreads []spread) bool {
	for k := range spreads {
		if spreads[k].domains.At(i) < 0 {
			return false
		}
	}
	return true
}

// Filter implements framework.FilterPlugin.
func (PodTopologySpread) Filter(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) *framework.Status {
	spreads := framework.Read[[]spread](state, spreadName)
	for i := range spreads {
		s := &spreads[i]
		d := s.domains.Of(n)
		if d < 0 {
			return spreadUnlabel
		}
		if s.like[d]+s.self-s.least > s.maxSkew {
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
