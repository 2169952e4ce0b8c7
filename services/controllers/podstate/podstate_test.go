package podstate

import (
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func readyFor(d time.Duration) *corev1.Pod {
	return &corev1.Pod{Status: &corev1.PodStatus{Phase: Running, Conditions: []*corev1.PodCondition{
		{Type: "PodScheduled", Status: "True"}, {Type: "Ready", Status: "True", LastTransitionTime: timestamppb.New(now.Add(-d))},
	}}}
}

func TestAvailable(t *testing.T) {
	undated := readyFor(0)
	undated.Status.Conditions[1].LastTransitionTime = nil
	notReady := readyFor(time.Hour)
	notReady.Status.Conditions[1].Status = "False"
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
		min  int32
		want bool
		wait time.Duration
	}{
		{"ready at once", readyFor(0), 0, true, 0},
		{"ready long enough", readyFor(10 * time.Second), 10, true, 0},
		{"not long enough", readyFor(4 * time.Second), 10, false, 6 * time.Second},
		{"ready since nobody knows when", undated, 10, false, 0},
		{"ready since nobody knows when, no matter", undated, 0, true, 0},
		{"not ready", notReady, 0, false, 0},
		{"no status", &corev1.Pod{}, 0, false, 0},
	} {
		if got, wait := Available(tc.pod, tc.min, now); got != tc.want || wait != tc.wait {
			t.Errorf("%s: %v, wait %v; want %v, %v", tc.name, got, wait, tc.want, tc.wait)
		}
	}
}

func TestPhases(t *testing.T) {
	deleted := &metav1.ObjectMeta{DeletionTimestamp: timestamppb.New(now)}
	for _, tc := range []struct {
		phase                         string
		meta                          *metav1.ObjectMeta
		terminal, active, terminating bool
	}{
		{Pending, nil, false, true, false},
		{Running, nil, false, true, false},
		{"", nil, false, true, false},
		{Succeeded, nil, true, false, false},
		{Failed, nil, true, false, false},
		{Running, deleted, false, false, true},
		{Failed, deleted, true, false, false},
	} {
		p := &corev1.Pod{Metadata: tc.meta, Status: &corev1.PodStatus{Phase: tc.phase}}
		if Terminal(p) != tc.terminal || Active(p) != tc.active || Terminating(p) != tc.terminating {
			t.Errorf("%q, deleted %v: terminal %v, active %v, terminating %v", tc.phase, tc.meta != nil, Terminal(p), Active(p), Terminating(p))
		}
	}
}

func TestCostAndRestarts(t *testing.T) {
	for text, want := range map[string]int32{"": 0, "7": 7, "-3": -3, "1.5": 0, "99999999999": 0} {
		if got := Cost(&corev1.Pod{Metadata: &metav1.ObjectMeta{Annotations: map[string]string{DeletionCost: text}}}); got != want {
			t.Errorf("cost %q is %d, want %d", text, got, want)
		}
	}
	containers, sidecars := Restarts(&corev1.Pod{
		Spec: &corev1.PodSpec{InitContainers: []*corev1.Container{{Name: "init"}, {Name: "side", RestartPolicy: proto.String("Always")}}},
		Status: &corev1.PodStatus{
			ContainerStatuses:     []*corev1.ContainerStatus{{Name: "a", RestartCount: 2}, {Name: "b", RestartCount: 5}},
			InitContainerStatuses: []*corev1.ContainerStatus{{Name: "init", RestartCount: 9}, {Name: "side", RestartCount: 3}},
		},
	})
	if containers != 5 || sidecars != 3 {
		t.Errorf("%d and %d restarts, want 5 and 3", containers, sidecars)
	}
}
