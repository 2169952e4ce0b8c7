package plugins

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

const (
	affinityRule = "node(s) didn't match pod affinity rules"
	antiRule     = "node(s) didn't match pod anti-affinity rules"
	existingRule = "node(s) didn't satisfy existing pods anti-affinity rules"
)

func near(key string, selector *metav1.LabelSelector, change ...func(*corev1.PodAffinityTerm)) *corev1.PodAffinityTerm {
	t := &corev1.PodAffinityTerm{TopologyKey: key, LabelSelector: selector}
	for _, c := range change {
		c(t)
	}
	return t
}

func podAffinity(terms ...*corev1.PodAffinityTerm) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) {
		if s.Affinity == nil {
			s.Affinity = &corev1.Affinity{}
		}
		s.Affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}
	})
}

func podAntiAffinity(terms ...*corev1.PodAffinityTerm) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) {
		if s.Affinity == nil {
			s.Affinity = &corev1.Affinity{}
		}
		s.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}
	})
}

func namespaceLabels(name string) labels.Set {
	return map[string]labels.Set{"prod": {"team": "a"}, "dev": {"team": "b"}}[name]
}

func TestInterPodAffinityFilter(t *testing.T) {
	pl := InterPodAffinity{Namespaces: namespaceLabels}
	// Zone a: n1 with a database, n2 empty. Zone b: n3 with a lonely pod. n4 has no zone.
	db := st.Pod("db", st.Labels("app", "db"))
	lonely := st.Pod("lonely", st.Labels("app", "lonely"), podAntiAffinity(near("zone", matchLabels("app", "web"))))
	elsewhere := st.Pod("elsewhere", st.Namespace("prod"), st.Labels("app", "cache"))
	nodes := []*framework.NodeInfo{
		st.NodeInfo(st.Node("n1", st.NodeLabels("zone", "a")), db),
		st.NodeInfo(st.Node("n2", st.NodeLabels("zone", "a")), elsewhere),
		st.NodeInfo(st.Node("n3", st.NodeLabels("zone", "b")), lonely),
		st.NodeInfo(st.Node("n4")),
	}
	in := func(namespaces ...string) func(*corev1.PodAffinityTerm) {
		return func(t *corev1.PodAffinityTerm) { t.Namespaces = namespaces }
	}
	for _, tc := range []struct {
		name string
		pod  []st.PodOption
		want []string // of n1 to n4
	}{
		{"nothing asked", nil, []string{"", "", "", ""}},
		{"near, by zone", []st.PodOption{podAffinity(near("zone", matchLabels("app", "db")))}, []string{"", "", affinityRule, affinityRule}},
		{"near, by node", []st.PodOption{podAffinity(near(hostnameKey, matchLabels("app", "db")))}, []string{"", affinityRule, affinityRule, affinityRule}},
		{"near what is nowhere", []st.PodOption{podAffinity(near("zone", matchLabels("app", "none")))}, []string{affinityRule, affinityRule, affinityRule, affinityRule}},
		{"the first of its group, where there is a zone", []st.PodOption{st.Labels("app", "none"), podAffinity(near("zone", matchLabels("app", "none")))},
			[]string{"", "", "", affinityRule}},
		{"a group of two demands, one met by nobody", []st.PodOption{podAffinity(near("zone", matchLabels("app", "db")), near("zone", matchLabels("app", "none")))},
			[]string{affinityRule, affinityRule, affinityRule, affinityRule}},
		{"in another namespace", []st.PodOption{podAffinity(near("zone", matchLabels("app", "cache"), in("prod")))}, []string{"", "", affinityRule, affinityRule}},
		{"not in one's own", []st.PodOption{podAffinity(near("zone", matchLabels("app", "cache")))}, []string{affinityRule, affinityRule, affinityRule, affinityRule}},
		{"namespaces by label", []st.PodOption{podAffinity(near("zone", matchLabels("app", "cache"), func(t *corev1.PodAffinityTerm) {
			t.NamespaceSelector = matchLabels("team", "a")
		}))}, []string{"", "", affinityRule, affinityRule}},
		{"namespaces by another label", []st.PodOption{podAffinity(near("zone", matchLabels("app", "cache"), func(t *corev1.PodAffinityTerm) {
			t.NamespaceSelector = matchLabels("team", "b")
		}))}, []string{affinityRule, affinityRule, affinityRule, affinityRule}},
		{"all namespaces", []st.PodOption{podAffinity(near("zone", matchLabels("app", "cache"), func(t *corev1.PodAffinityTerm) {
			t.NamespaceSelector = &metav1.LabelSelector{}
		}))}, []string{"", "", affinityRule, affinityRule}},
		{"apart, by zone", []st.PodOption{podAntiAffinity(near("zone", matchLabels("app", "db")))}, []string{antiRule, antiRule, "", ""}},
		{"apart, by node", []st.PodOption{podAntiAffinity(near(hostnameKey, matchLabels("app", "db")))}, []string{antiRule, "", "", ""}},
		{"unwanted by one that is there", []st.PodOption{st.Labels("app", "web")}, []string{"", "", existingRule, ""}},
		{"unwanted in another namespace only", []st.PodOption{st.Labels("app", "web"), st.Namespace("prod")}, []string{"", "", "", ""}},
		{"no selector is near nothing", []st.PodOption{podAffinity(near("zone", nil))}, []string{affinityRule, affinityRule, affinityRule, affinityRule}},
		{"own label's value is required", []st.PodOption{st.Labels("app", "x", "version", "2"), podAntiAffinity(near("zone", matchLabels("app", "db"), func(t *corev1.PodAffinityTerm) {
			t.MatchLabelKeys = []string{"version", "lacking"}
		}))}, []string{"", "", "", ""}},
		{"own label's value is ruled out", []st.PodOption{st.Labels("app", "db"), podAntiAffinity(near("zone", &metav1.LabelSelector{}, func(t *corev1.PodAffinityTerm) {
			t.MismatchLabelKeys = []string{"app"}
		}))}, []string{"", "", antiRule, ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := map[string]string{"n1": tc.want[0], "n2": tc.want[1], "n3": tc.want[2], "n4": tc.want[3]}
			wantVerdicts(t, verdicts(pl, st.PodInfo("p", tc.pod...), nodes...), want)
		})
	}
}

func TestInterPodAffinityScore(t *testing.T) {
	pl := InterPodAffinity{}
	prefers := func(near, apart *corev1.WeightedPodAffinityTerm) st.PodOption {
		return st.Spec(func(s *corev1.PodSpec) {
			s.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{}}
			if near != nil {
				s.Affinity.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []*corev1.WeightedPodAffinityTerm{near}
			}
			if apart != nil {
				s.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []*corev1.WeightedPodAffinityTerm{apart}
			}
		})
	}
	term := func(weight int32, app string) *corev1.WeightedPodAffinityTerm {
		return &corev1.WeightedPodAffinityTerm{Weight: weight, PodAffinityTerm: near("zone", matchLabels("app", app))}
	}
	a, b := st.NodeLabels("zone", "a"), st.NodeLabels("zone", "b")
	plain := []*framework.NodeInfo{
		st.NodeInfo(st.Node("n1", a), st.Pod("db", st.Labels("app", "db")), st.Pod("log", st.Labels("app", "log"))),
		st.NodeInfo(st.Node("n2", a)),
		st.NodeInfo(st.Node("n3", b), st.Pod("web", st.Labels("app", "web"))),
		st.NodeInfo(st.Node("n4")),
	}
	wantScores(t, scores(pl, st.PodInfo("p", prefers(term(10, "db"), nil)), plain...), 100, 100, 0, 0)
	wantScores(t, scores(pl, st.PodInfo("p", prefers(nil, term(10, "web"))), plain...), 100, 100, 0, 100)
	// +10 in zone a for db, -5 for log there; -5 nowhere else: a has 5, b 0.
	wantScores(t, scores(pl, st.PodInfo("p", prefers(term(10, "db"), term(5, "log"))), plain...), 100, 100, 0, 0)
	if got := scores(pl, st.PodInfo("p"), plain...); got != nil {
		t.Errorf("scores %v though nobody prefers anything", got)
	}
	// Those that are there have preferences as well, and a required affinity of theirs counts a little.
	opinionated := []*framework.NodeInfo{
		st.NodeInfo(st.Node("n1", a), st.Pod("fan", prefers(term(4, "web"), nil))),
		st.NodeInfo(st.Node("n2", b), st.Pod("foe", prefers(nil, term(4, "web")))),
		st.NodeInfo(st.Node("n3", st.NodeLabels("zone", "c")), st.Pod("needs", podAffinity(near("zone", matchLabels("app", "web"))))),
		st.NodeInfo(st.Node("n4")),
	}
	// 4, -4, 1 and 0, brought to 0..100.
	wantScores(t, scores(pl, st.PodInfo("p", st.Labels("app", "web")), opinionated...), 100, 0, 62, 50)
}

func TestInterPodAffinityHints(t *testing.T) {
	pl := InterPodAffinity{Namespaces: namespaceLabels}
	db, web := st.PodInfo("db", st.On("n"), st.Labels("app", "db")), st.PodInfo("web", st.On("n"), st.Labels("app", "web"))
	wantsDB := st.PodInfo("p", podAffinity(near("zone", matchLabels("app", "db"))))
	hatesDB := st.PodInfo("p", podAntiAffinity(near("zone", matchLabels("app", "db"))))
	hatesWeb := st.PodInfo("hater", st.On("n"), podAntiAffinity(near("zone", matchLabels("app", "web"))))
	for _, tc := range []struct {
		name   string
		pod    *framework.PodInfo
		change *framework.Change
		want   bool
	}{
		{"the wanted came", wantsDB, framework.AssignedPodChange(nil, db), true},
		{"another came", wantsDB, framework.AssignedPodChange(nil, web), false},
		{"another became the wanted", wantsDB, framework.AssignedPodChange(web, db), true},
		{"the wanted went", wantsDB, framework.AssignedPodChange(db, nil), false},
		{"the unwanted went", hatesDB, framework.AssignedPodChange(db, nil), true},
		{"the unwanted came", hatesDB, framework.AssignedPodChange(nil, db), false},
		{"the unwanted became another", hatesDB, framework.AssignedPodChange(db, web), true},
		{"one that did not want the pod went", st.PodInfo("p", st.Labels("app", "web")), framework.AssignedPodChange(hatesWeb, nil), true},
		{"node labelled", wantsDB, framework.NodeChange(st.Node("n"), st.Node("n", st.Zone("a"))), true},
		{"node resized", wantsDB, framework.NodeChange(st.Node("n"), st.Node("n", st.Allocatable("cpu", "1"))), false},
		{"another namespace labelled", wantsDB, &framework.Change{Object: framework.NamespaceObject, Action: framework.LabelsChanged, Namespace: "dev"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := helped(pl, tc.pod, tc.change); got != tc.want {
				t.Errorf("helps: %v, want %v", got, tc.want)
			}
		})
	}
}
