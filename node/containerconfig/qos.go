package containerconfig

import (
	"slices"

	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// The classes of service.
const (
	Guaranteed = "Guaranteed"
	Burstable  = "Burstable"
	BestEffort = "BestEffort"
)

// QOSClass is the pod's class of service: what its status says, else computed from CPU
// and memory. Guaranteed means that limits are set for both and equal the requests
// everywhere; BestEffort that there are no requests and limits at all.
func QOSClass(pod *corev1.Pod) string {
	if q := pod.GetStatus().GetQosClass(); q != "" {
		return q
	}
	var all []*corev1.ResourceRequirements
	if own := pod.GetSpec().GetResources(); own != nil && len(own.GetLimits())+len(own.GetRequests()) > 0 {
		all = []*corev1.ResourceRequirements{own}
	} else {
		for _, container := range slices.Concat(pod.GetSpec().GetInitContainers(), pod.GetSpec().GetContainers()) {
			all = append(all, container.GetResources())
		}
	}
	asked, guaranteed := false, true
	for _, r := range all {
		for _, name := range []string{"cpu", "memory"} {
			limit, request := value(r.GetLimits(), name), value(r.GetRequests(), name)
			if limit > 0 || request > 0 {
				asked = true
			}
			if limit == 0 || (request != 0 && request != limit) {
				guaranteed = false
			}
		}
	}
	switch {
	case !asked:
		return BestEffort
	case guaranteed:
		return Guaranteed
	}
	return Burstable
}

// value compares amounts; in thousandths, as CPU has them. What does not parse counts as unset:
// such a pod is refused where its resources are computed.
func value(list map[string]*metav1.Quantity, name string) int64 {
	q, err := downward.Quantity(list[name])
	if err != nil {
		return 0
	}
	return q.MilliValue()
}
