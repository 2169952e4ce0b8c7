package plugins

import (
	"fmt"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

const (
	spreadRule   = "node(s) didn't match pod topology spread constraints"
	spreadNoZone = "node(s) didn't match pod topology spread constraints (missing required label)"
)

func spreads(when string, skew int32, key string, change ...func(*corev1.TopologySpreadConstraint)) st.PodOption {
	c := &corev1.TopologySpreadConstraint{MaxSkew: skew, TopologyKey: key, WhenUnsatisfiable: when, LabelSelector: matchLabels("app", "web")}
	for _, f := range change {
		f(c)
	}
	return st.Spec(func(s *corev1.PodSpec) { s.TopologySpreadConstraints = append(s.TopologySpreadConstraints, c) })
}

// webs puts n pods with the label app=web on a node.
func webs(name string, n int, opts ...st.NodeOption) *framework.NodeInfo {
	var pods []*corev1.Pod
	for i := range n {
		pods = append(pods, st.Pod(fmt.Sprint(name, "-", i), st.Labels("app", "web"), st.Owner("rs-web")))
	}
	return st.NodeInfo(st.Node(name, opts...), pods...)
}

func TestPodTopologySpreadFilter(t *testing.T) {
	web := st.Labels("app", "web")
	// Zone a has 2 (n1) + 1 (n2) pods, zone b 1 (n3), zone c none (n4, tainted); n5 has no zone.
	nodes := []*framework.NodeInfo{
		webs("n1", 2, st.Zone("a")), webs("n2", 1, st.Zone("a")), webs("n3", 1, st.Zone("b"), st.NodeLabels("disk", "ssd")),
		webs("n4", 0, st.Zone("c"), st.Taint("t", "", "NoSchedule")), webs("n5", 0),
	}
	for _, tc := range []struct {
		name string
		pod  []st.PodOption
		want []string
	}{
		{"no constraint", []st.PodOption{web}, []string{"", "", "", "", ""}},
		{"zones, one apart", []st.PodOption{web, spreads("DoNotSchedule", 1, zoneKey)}, []string{spreadRule, spreadRule, spreadRule, "", spreadNoZone}},
		{"zones, two apart", []st.PodOption{web, spreads("DoNotSchedule", 2, zoneKey)}, []string{spreadRule, spreadRule, "", "", spreadNoZone}},
		{"zones, four apart", []st.PodOption{web, spreads("DoNotSchedule", 4, zoneKey)}, []string{"", "", "", "", spreadNoZone}},
		{"a pod that does not count itself", []st.PodOption{spreads("DoNotSchedule", 1, zoneKey)}, []string{spreadRule, spreadRule, "", "", spreadNoZone}},
		{"tainted nodes do not count", []st.PodOption{web, spreads("DoNotSchedule", 1, zoneKey, func(c *corev1.TopologySpreadConstraint) {
			honor := "Honor"
			c.NodeTaintsPolicy = &honor
		})}, []string{spreadRule, spreadRule, "", "", spreadNoZone}},
		{"nodes left out by affinity do not count", []st.PodOption{web, selects("disk", "ssd"), spreads("DoNotSchedule", 1, zoneKey)},
			[]string{"", "", "", "", spreadNoZone}},
		{"but do when told so", []st.PodOption{web, selects("disk", "ssd"), spreads("DoNotSchedule", 1, zoneKey, func(c *corev1.TopologySpreadConstraint) {
			ignore := "Ignore"
			c.NodeAffinityPolicy = &ignore
		})}, []string{spreadRule, spreadRule, spreadRule, "", spreadNoZone}},
		{"fewer domains than asked for", []st.PodOption{web, spreads("DoNotSchedule", 1, zoneKey, func(c *corev1.TopologySpreadConstraint) {
			four := int32(4)
			c.MinDomains = &four
		})}, []string{spreadRule, spreadRule, spreadRule, "", spreadNoZone}},
		{"hosts", []st.PodOption{web, spreads("DoNotSchedule", 1, hostnameKey)}, []string{spreadRule, spreadRule, spreadRule, "", ""}},
		{"zones and hosts", []st.PodOption{web, spreads("DoNotSchedule", 2, zoneKey), spreads("DoNotSchedule", 2, hostnameKey)},
			[]string{spreadRule, spreadRule, "", "", spreadNoZone}},
		{"own revision only", []st.PodOption{st.Labels("app", "web", "rev", "2"), spreads("DoNotSchedule", 1, zoneKey, func(c *corev1.TopologySpreadConstraint) {
			c.MatchLabelKeys = []string{"rev"}
		})}, []string{"", "", "", "", spreadNoZone}},
		{"as well as it goes", []st.PodOption{web, spreads("ScheduleAnyway", 1, zoneKey)}, []string{"", "", "", "", ""}},
		{"another namespace's pods do not count", []st.PodOption{web, st.Namespace("prod"), spreads("DoNotSchedule", 1, zoneKey)},
			[]string{"", "", "", "", spreadNoZone}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := map[string]string{}
			for i, w := range tc.want {
				want[fmt.Sprint("n", i+1)] = w
			}
			wantVerdicts(t, verdicts(PodTopologySpread{}, st.PodInfo("p", tc.pod...), nodes...), want)
		})
	}
}

func TestTerminatingPodsDoNotCount(t *testing.T) {
	going := st.NodeInfo(st.Node("n1", st.Zone("a")), st.Pod("w", st.Labels("app", "web"), st.Deleting(), st.Owner("rs-web")))
	p := st.PodInfo("p", st.Labels("app", "web"), spreads("DoNotSchedule", 1, zoneKey))
	wantVerdicts(t, verdicts(PodTopologySpread{}, p, going, webs("n2", 1, st.Zone("b"))), map[string]string{"n1": "", "n2": spreadRule})
	// Nor for the spread of replicas by default.
	wantScores(t, scores(PodTopologySpread{}, st.PodInfo("p", st.Owner("rs-web")), going, webs("n2", 0, st.Zone("b"))), 100, 100)
}

func TestPodTopologySpreadScore(t *testing.T) {
	nodes := []*framework.NodeInfo{webs("n1", 3, st.Zone("a")), webs("n2", 0, st.Zone("a")), webs("n3", 1, st.Zone("b")), webs("n4", 0)}
	// By zone: 3, 3 and 1 pods, times ln(2+2)=1.386: 4, 4, 1; n4 takes no part.
	p := st.PodInfo("p", st.Labels("app", "web"), spreads("ScheduleAnyway", 1, zoneKey))
	wantScores(t, scores(PodTopologySpread{}, p, nodes...), 25, 25, 100, 0)
	// By host: 3, 0, 1, 0 pods, times ln(4+2)=1.79: 5, 0, 2, 0.
	p = st.PodInfo("p", st.Labels("app", "web"), spreads("ScheduleAnyway", 1, hostnameKey))
	wantScores(t, scores(PodTopologySpread{}, p, nodes...), 0, 100, 60, 100)
	if got := scores(PodTopologySpread{}, st.PodInfo("p"), nodes...); got != nil {
		t.Errorf("scores %v for a pod on its own", got)
	}
}

func TestReplicasSpreadByDefault(t *testing.T) {
	p := st.PodInfo("p", st.Owner("rs-web"))
	got := scores(PodTopologySpread{}, p, webs("n1", 2), webs("n2", 0), webs("n3", 1))
	if got[1] <= got[2] || got[2] <= got[0] {
		t.Errorf("scores %v, want the node without replicas first and the one with most last", got)
	}
	// Zones count beside hosts: both nodes are empty, their zones are not alike.
	got = scores(PodTopologySpread{}, p, webs("n1", 4, st.Zone("a")), webs("n2", 0, st.Zone("a")), webs("n3", 0, st.Zone("b")))
	if got[2] <= got[1] || got[1] <= got[0] {
		t.Errorf("scores %v, want the empty zone first", got)
	}
	// Pods of another controller do not matter.
	wantScores(t, scores(PodTopologySpread{}, st.PodInfo("p", st.Owner("rs-other")), webs("n1", 2), webs("n2", 0)), 100, 100)
}

func TestPodTopologySpreadHints(t *testing.T) {
	p := st.PodInfo("p", st.Labels("app", "web"), spreads("DoNotSchedule", 1, zoneKey))
	web, db := st.PodInfo("web", st.On("n"), st.Labels("app", "web")), st.PodInfo("db", st.On("n"), st.Labels("app", "db"))
	going := st.PodInfo("web", st.On("n"), st.Labels("app", "web"), st.Deleting())
	for _, tc := range []struct {
		name   string
		change *framework.Change
		want   bool
	}{
		{"like pod came", framework.AssignedPodChange(nil, web), true},
		{"like pod went", framework.AssignedPodChange(web, nil), true},
		{"like pod is being deleted", framework.AssignedPodChange(web, going), true},
		{"other pod went", framework.AssignedPodChange(db, nil), false},
		{"node went", framework.NodeChange(st.Node("n"), nil), true},
		{"node resized", framework.NodeChange(st.Node("n"), st.Node("n", st.Allocatable("cpu", "1"))), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := helped(PodTopologySpread{}, p, tc.change); got != tc.want {
				t.Errorf("helps: %v, want %v", got, tc.want)
			}
		})
	}
}
