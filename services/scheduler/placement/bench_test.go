package placement_test

import (
	"fmt"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/cache"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/placement"
	"kaji.dev/kaji/services/scheduler/plugins"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// BenchmarkPlace measures deciding and assuming, pod after pod, with everything but the parsing and the network: one op is one pod.
// Clusters hold 20 pods a node when it starts.
func BenchmarkPlace(b *testing.B) {
	antiAffinity := st.Spec(func(s *corev1.PodSpec) {
		s.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []*corev1.WeightedPodAffinityTerm{{Weight: 10, PodAffinityTerm: &corev1.PodAffinityTerm{
				TopologyKey: "kubernetes.io/hostname", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			}}},
		}}
	})
	spread := st.Spec(func(s *corev1.PodSpec) {
		s.TopologySpreadConstraints = []*corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: "topology.kubernetes.io/zone", WhenUnsatisfiable: "DoNotSchedule",
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}}
	})
	for _, kind := range []struct {
		name string
		opts []st.PodOption
	}{
		{"basic", nil},
		{"replica", []st.PodOption{st.Owner("rs-web")}},
		{"prefer-apart", []st.PodOption{antiAffinity}},
		{"spread", []st.PodOption{spread}},
	} {
		for _, nodes := range []int{500, 5000} {
			b.Run(fmt.Sprintf("%s/nodes=%d", kind.name, nodes), func(b *testing.B) {
				c := cache.New()
				for i := range nodes {
					name := fmt.Sprintf("node-%d", i)
					c.SetNode(st.Node(name, st.Zone(fmt.Sprint(i%3)), st.Allocatable("cpu", "1000", "memory", "4000Gi", "pods", "100000")))
					for j := range 20 {
						c.AddPod(st.PodInfo(fmt.Sprintf("old-%d-%d", i, j), st.On(name), st.Labels("app", "old"), st.Requests("cpu", "100m", "memory", "100Mi"), st.Owner(fmt.Sprint("rs-", j))))
					}
				}
				profile, err := plugins.Default(nil)
				if err != nil {
					b.Fatal(err)
				}
				placer := placement.New(profile, placement.Config{Seed: 1})
				snapshot := framework.NewSnapshot()
				c.Update(snapshot)
				opts := append([]st.PodOption{st.Labels("app", "web"), st.Requests("cpu", "100m", "memory", "100Mi")}, kind.opts...)
				pod := st.Pod("web", opts...)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					pod.Metadata.Uid = fmt.Sprint("web-", i)
					p := framework.NewPodInfo(pod)
					c.Update(snapshot)
					d, err := placer.Place(p, snapshot)
					if err != nil {
						b.Fatal(err)
					}
					if err := c.Assume(p, d.Node); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
