package pods

import (
	"fmt"
	"slices"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/pods/plan"
)

// piece is something that a new status tells and that deserves an event. Most events come from the operation that
// they are about; these are about an operation that is put off, or about time that has run out.
type piece struct {
	container string
	warning   bool
	reason    string
	message   string
}

// news are the events that a change of a pod's status makes.
func news(pod *corev1.Pod, old, now *corev1.PodStatus) []piece {
	var out []piece
	if now.GetReason() == "DeadlineExceeded" && old.GetReason() != now.GetReason() {
		out = append(out, piece{reason: now.GetReason(), message: now.GetMessage()})
	}
	if reason, message, warning := plan.ResizeNews(old, now); reason != "" {
		out = append(out, piece{reason: reason, message: message, warning: warning})
	}
	was := map[string]string{}
	for _, c := range statuses(old) {
		was[c.GetName()] = c.GetState().GetWaiting().GetReason()
	}
	m := pod.GetMetadata()
	for _, c := range statuses(now) {
		reason := c.GetState().GetWaiting().GetReason()
		if reason == was[c.GetName()] {
			continue
		}
		switch reason {
		case "CrashLoopBackOff":
			out = append(out, piece{c.GetName(), true, "BackOff", fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s)",
				c.GetName(), m.GetName(), m.GetNamespace(), m.GetUid())})
		case "ImagePullBackOff":
			out = append(out, piece{c.GetName(), false, "BackOff", fmt.Sprintf("Back-off pulling image %q", c.GetImage())})
		}
	}
	return out
}

func statuses(s *corev1.PodStatus) []*corev1.ContainerStatus {
	return slices.Concat(s.GetInitContainerStatuses(), s.GetContainerStatuses(), s.GetEphemeralContainerStatuses())
}
