package strategy

import (
	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// The quality-of-service classes, from the one evicted last to the one evicted first.
const (
	qosGuaranteed = "Guaranteed"
	qosBurstable  = "Burstable"
	qosBestEffort = "BestEffort"
)

// qosClass follows from requests and limits of cpu and memory: none at all is BestEffort; limits of both
// everywhere, equal to the requests, is Guaranteed; everything between is Burstable. Resources of the pod as a
// whole, where given, count instead of those of its containers.
func qosClass(s *corev1.PodSpec) string {
	var all []*corev1.ResourceRequirements
	if r := s.GetResources(); len(r.GetRequests()) > 0 || len(r.GetLimits()) > 0 {
		all = append(all, r)
	} else {
		forEachContainer(s, func(c *corev1.Container) { all = append(all, c.GetResources()) })
	}
	requests, limits := map[string]resource.Quantity{}, map[string]resource.Quantity{}
	guaranteed := true
	for _, r := range all {
		addComputed(requests, r.GetRequests())
		if addComputed(limits, r.GetLimits()) < 2 {
			guaranteed = false
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return qosBestEffort
	}
	if guaranteed && len(requests) == len(limits) {
		for name, q := range requests {
			if limit, ok := limits[name]; !ok || limit.Cmp(q) != 0 {
				return qosBurstable
			}
		}
		return qosGuaranteed
	}
	return qosBurstable
}

// addComputed adds cpu and memory of a list, where they are more than zero, and says how many there were.
func addComputed(to map[string]resource.Quantity, list map[string]*metav1.Quantity) int {
	n := 0
	for _, name := range []string{"cpu", "memory"} {
		q, err := quantity.ParseText(list[name].GetString_())
		if err != nil || q.Sign() <= 0 {
			continue
		}
		add(to, name, q)
		n++
	}
	return n
}
