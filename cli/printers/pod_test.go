package printers

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestPodThatEndedBeforeItBegan(t *testing.T) {
	waiting := []*corev1.ContainerStatus{{Name: "a", State: &corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}}
	over := &corev1.Pod{Status: &corev1.PodStatus{Phase: "Failed", Reason: "DeadlineExceeded", ContainerStatuses: waiting}}
	if got := PodStatus(over); got != "DeadlineExceeded" {
		t.Errorf("%s: nothing is being created any more", got)
	}
	if got := PodStatus(&corev1.Pod{Status: &corev1.PodStatus{Phase: "Pending", ContainerStatuses: waiting}}); got != "ContainerCreating" {
		t.Error(got)
	}
}
