package pods

import (
	"reflect"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestNews(t *testing.T) {
	p := podOf("u")
	waits := func(reason string) *corev1.PodStatus {
		return &corev1.PodStatus{ContainerStatuses: []*corev1.ContainerStatus{{Name: "a", Image: "i:1", State: &corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}}
	}
	running := &corev1.PodStatus{ContainerStatuses: []*corev1.ContainerStatus{{Name: "a", State: &corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
	crash := []piece{{"a", true, "BackOff", "Back-off restarting failed container a in pod p-u_default(u)"}}
	for name, x := range map[string]struct {
		old, now *corev1.PodStatus
		want     []piece
	}{
		"crash":       {running, waits("CrashLoopBackOff"), crash},
		"still":       {waits("CrashLoopBackOff"), waits("CrashLoopBackOff"), nil},
		"again":       {running, waits("CrashLoopBackOff"), crash},
		"pull":        {waits("ErrImagePull"), waits("ImagePullBackOff"), []piece{{"a", false, "BackOff", `Back-off pulling image "i:1"`}}},
		"comes up":    {waits("CrashLoopBackOff"), running, nil},
		"time is up":  {running, &corev1.PodStatus{Reason: "DeadlineExceeded", Message: "m"}, []piece{{"", false, "DeadlineExceeded", "m"}}},
		"time was up": {&corev1.PodStatus{Reason: "DeadlineExceeded"}, &corev1.PodStatus{Reason: "DeadlineExceeded"}, nil},
	} {
		if got := news(p, x.old, x.now); !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: %v, want %v", name, got, x.want)
		}
	}
}

// TestBackOffIsTold runs a pod whose image is not there.
func TestBackOffIsTold(t *testing.T) {
	w := newWorld(t, 20)
	p := podOf("u", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "absent:1" })
	w.Set(p)
	w.await("backing off", func() bool {
		for _, e := range w.events {
			if e == `a BackOff: Back-off pulling image "absent:1"` {
				return true
			}
		}
		return false
	})
	w.finish(p)
	w.empty()
}
