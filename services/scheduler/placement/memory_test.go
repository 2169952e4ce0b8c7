package placement_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/cache"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/placement"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// TestRememberingChangesNothing explains pods with all kinds of affinity and spread on a snapshot that is brought up to date after each change, with all it
// remembers, and on a fresh one: the verdicts and scores are the same.
func TestRememberingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, kept, pr := cache.New(), framework.NewSnapshot(), profile(t)
		apps := rapid.SampledFrom([]string{"web", "db"})
		nodeNames := rapid.SampledFrom([]string{"n1", "n2", "n3", "n4", "n5"})
		setNode := func(t *rapid.T, name string) {
			var opts []st.NodeOption
			if zone := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "zone"); zone != "" {
				opts = append(opts, st.Zone(zone))
			}
			if rapid.IntRange(0, 3).Draw(t, "tainted") == 0 {
				opts = append(opts, st.Taint("k", "v", "NoSchedule"))
			}
			c.SetNode(st.Node(name, opts...))
		}
		for _, name := range []string{"n1", "n2", "n3"} {
			setNode(t, name)
		}
		serial := 0
		t.Repeat(map[string]func(*rapid.T){
			"node":   func(t *rapid.T) { setNode(t, nodeNames.Draw(t, "node")) },
			"nodeGo": func(t *rapid.T) { c.RemoveNode(nodeNames.Draw(t, "node")) },
			"pod": func(t *rapid.T) {
				c.AddPod(st.PodInfo(fmt.Sprint("p", rapid.IntRange(0, 9).Draw(t, "pod")), st.On(nodeNames.Draw(t, "node")), st.Labels("app", apps.Draw(t, "app")),
					st.Owner(apps.Draw(t, "owner")), demands(t, apps)))
			},
			"podGo": func(t *rapid.T) { c.RemovePod(fmt.Sprint("p", rapid.IntRange(0, 9).Draw(t, "pod"))) },
			"": func(t *rapid.T) {
				serial++
				p := st.PodInfo(fmt.Sprint("new", serial), st.Labels("app", apps.Draw(t, "app")), st.Owner(apps.Draw(t, "owner")), demands(t, apps))
				c.Update(kept)
				fresh := framework.NewSnapshot()
				c.Update(fresh)
				got, gotFailure := placement.Explain(pr, p, kept)
				want, wantFailure := placement.Explain(pr, p, fresh)
				if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotFailure, wantFailure) {
					t.Fatalf("remembering:\n%+v %v\nfresh:\n%+v %v", got, gotFailure, want, wantFailure)
				}
			},
		})
	})
}

// demands draws what a pod wants of others.
func demands(t *rapid.T, apps *rapid.Generator[string]) st.PodOption {
	key := rapid.SampledFrom([]string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"})
	selector := func() *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": apps.Draw(t, "wanted")}}
	}
	term := func() *corev1.PodAffinityTerm {
		return &corev1.PodAffinityTerm{TopologyKey: key.Draw(t, "key"), LabelSelector: selector()}
	}
	kind := rapid.IntRange(0, 7).Draw(t, "demand")
	return st.Spec(func(s *corev1.PodSpec) {
		near, apart := &corev1.PodAffinity{}, &corev1.PodAntiAffinity{}
		s.Affinity = &corev1.Affinity{PodAffinity: near, PodAntiAffinity: apart}
		weighted := func() []*corev1.WeightedPodAffinityTerm {
			return []*corev1.WeightedPodAffinityTerm{{Weight: 10, PodAffinityTerm: term()}}
		}
		switch kind {
		case 0:
			near.RequiredDuringSchedulingIgnoredDuringExecution = []*corev1.PodAffinityTerm{term()}
		case 1:
			apart.RequiredDuringSchedulingIgnoredDuringExecution = []*corev1.PodAffinityTerm{term()}
		case 2:
			near.PreferredDuringSchedulingIgnoredDuringExecution = weighted()
		case 3:
			apart.PreferredDuringSchedulingIgnoredDuringExecution = weighted()
		case 4, 5:
			when := "DoNotSchedule"
			if kind == 5 {
				when = "ScheduleAnyway"
			}
			honor := rapid.SampledFrom([]string{"Honor", "Ignore"}).Draw(t, "taints")
			s.TopologySpreadConstraints = []*corev1.TopologySpreadConstraint{
				{MaxSkew: 1, TopologyKey: key.Draw(t, "key"), WhenUnsatisfiable: when, LabelSelector: selector(), NodeTaintsPolicy: &honor},
			}
		}
	})
}
