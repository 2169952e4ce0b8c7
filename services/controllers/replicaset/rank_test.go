package replicaset

import (
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/services/controllers/podstate"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// member makes a running, ready pod on a node, created and ready an hour ago; changes make it differ.
func member(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	hourAgo := timestamppb.New(now.Add(-time.Hour))
	p := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: name, Uid: "uid-" + name, CreationTimestamp: hourAgo, Annotations: map[string]string{}},
		Spec:     &corev1.PodSpec{NodeName: "n-" + name},
		Status: &corev1.PodStatus{Phase: podstate.Running, Conditions: []*corev1.PodCondition{{Type: "Ready", Status: "True", LastTransitionTime: hourAgo}},
			ContainerStatuses: []*corev1.ContainerStatus{{Name: "c"}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func TestVictims(t *testing.T) {
	unassigned := func(p *corev1.Pod) { p.Spec.NodeName = "" }
	pending := func(p *corev1.Pod) { p.Status.Phase = podstate.Pending }
	notReady := func(p *corev1.Pod) { p.Status.Conditions[0].Status = "False" }
	cost := func(c string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Metadata.Annotations[podstate.DeletionCost] = c }
	}
	node := func(n string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = n } }
	readyFor := func(d time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Conditions[0].LastTransitionTime = timestamppb.New(now.Add(-d)) }
	}
	restarts := func(n int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = n }
	}
	age := func(d time.Duration) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Metadata.CreationTimestamp = timestamppb.New(now.Add(-d)) }
	}
	for _, tc := range []struct {
		name  string
		pods  []*corev1.Pod
		first string
	}{
		{"unassigned before pending", []*corev1.Pod{member("a", pending), member("b", unassigned)}, "b"},
		{"pending before not ready", []*corev1.Pod{member("a", notReady), member("b", pending)}, "b"},
		{"not ready before cheap", []*corev1.Pod{member("a", cost("-100")), member("b", notReady)}, "b"},
		{"cheap before crowded", []*corev1.Pod{member("a", node("x")), member("b", node("x")), member("c", cost("-1"))}, "c"},
		{"dear last", []*corev1.Pod{member("a", cost("10")), member("b", cost("5"))}, "b"},
		{"bad cost is none", []*corev1.Pod{member("a", cost("1")), member("b", cost("cheap"))}, "b"},
		{"crowded before young", []*corev1.Pod{member("a", readyFor(time.Second)), member("b", node("x")), member("c", node("x"))}, "b"},
		{"ready for less long", []*corev1.Pod{member("a"), member("b", readyFor(time.Minute))}, "b"},
		{"one magnitude of readiness falls to restarts", []*corev1.Pod{member("a", readyFor(61*time.Minute)), member("b", restarts(3))}, "b"},
		{"restarts before age", []*corev1.Pod{member("a", age(time.Minute)), member("b", restarts(1))}, "b"},
		{"younger first", []*corev1.Pod{member("a"), member("b", age(time.Minute))}, "b"},
		{"uid decides", []*corev1.Pod{member("b"), member("a")}, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := victims(tc.pods, tc.pods, 1, now)
			if len(got) != 1 || got[0].GetMetadata().GetName() != tc.first {
				t.Errorf("%v goes first, want %s", got, tc.first)
			}
		})
	}
}

// The choice does not depend on the order that pods come in, and a larger choice includes a smaller one.
func TestVictimsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "n")
		pods := make([]*corev1.Pod, n)
		for i := range pods {
			pods[i] = member(string(rune('a'+i)), func(p *corev1.Pod) {
				p.Spec.NodeName = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "node")
				p.Status.Phase = rapid.SampledFrom([]string{podstate.Pending, podstate.Running}).Draw(t, "phase")
				p.Status.Conditions[0].LastTransitionTime = timestamppb.New(now.Add(-time.Duration(rapid.IntRange(0, 1000).Draw(t, "ready")) * time.Second))
				p.Status.ContainerStatuses[0].RestartCount = rapid.Int32Range(0, 2).Draw(t, "restarts")
			})
		}
		k := rapid.IntRange(1, n-1).Draw(t, "k")
		first := victims(pods, pods, k, now)
		again := victims(rapid.Permutation(pods).Draw(t, "order"), pods, k, now)
		more := victims(pods, pods, k+1, now)
		if k+1 == n {
			more = victims(pods, pods, k, now)
		}
		for i := range first {
			if first[i] != again[i] || first[i] != more[i] {
				t.Fatalf("choices differ at %d", i)
			}
		}
	})
}
