package strategy

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// requestsFromLimits makes a container ask for as much as it may use, where it does not say what it asks for.
func requestsFromLimits(r *corev1.ResourceRequirements) {
	for name, limit := range r.GetLimits() {
		if _, ok := r.Requests[name]; ok {
			continue
		}
		if r.Requests == nil {
			r.Requests = map[string]*metav1.Quantity{}
		}
		r.Requests[name] = proto.CloneOf(limit)
	}
}

// defaultPodLevelRequests completes resources given for the pod as a whole: a resource that containers ask
// for is asked for by the pod in the same amount, one they do not ask for in the amount of the limit.
func defaultPodLevelRequests(s *corev1.PodSpec) {
	r := s.Resources
	if r == nil || (len(r.Limits) == 0 && len(r.Requests) == 0) {
		return
	}
	requests := map[string]*metav1.Quantity{}
	for name, sum := range effectiveRequests(s) {
		if podLevelResource(name) {
			requests[name] = &metav1.Quantity{String_: sum.String()}
		}
	}
	for name, limit := range r.Limits {
		if _, ok := requests[name]; !ok {
			requests[name] = proto.CloneOf(limit)
		}
	}
	for name, q := range r.Requests {
		requests[name] = q
	}
	r.Requests = requests
}

// effectiveRequests is what the containers of a pod ask for together: the sum of the containers and of the
// init containers that keep running, or the most that an init container needs while it runs, whichever is more.
func effectiveRequests(s *corev1.PodSpec) map[string]resource.Quantity {
	sum := map[string]resource.Quantity{}
	sidecars := map[string]resource.Quantity{}
	peak := map[string]resource.Quantity{}
	for _, c := range s.GetInitContainers() {
		sidecar := c.GetRestartPolicy() == "Always"
		for name, q := range parseQuantities(c.GetResources().GetRequests()) {
			if sidecar {
				add(sidecars, name, q)
				add(sum, name, q)
				raise(peak, name, sidecars[name])
				continue
			}
			q.Add(sidecars[name])
			raise(peak, name, q)
		}
	}
	for _, c := range s.GetContainers() {
		for name, q := range parseQuantities(c.GetResources().GetRequests()) {
			add(sum, name, q)
		}
	}
	for name, q := range peak {
		raise(sum, name, q)
	}
	return sum
}

func add(to map[string]resource.Quantity, name string, q resource.Quantity) {
	have := to[name]
	have.Add(q)
	to[name] = have
}

func raise(to map[string]resource.Quantity, name string, q resource.Quantity) {
	if have, ok := to[name]; !ok || have.Cmp(q) < 0 {
		to[name] = q
	}
}

// parseQuantities leaves out what is no quantity: validation has said so, or will.
func parseQuantities(list map[string]*metav1.Quantity) map[string]resource.Quantity {
	out := make(map[string]resource.Quantity, len(list))
	for name, q := range list {
		if v, err := quantity.ParseText(q.GetString_()); err == nil {
			out[name] = v
		}
	}
	return out
}

// podLevelResource says whether a resource may be given for the pod as a whole.
func podLevelResource(name string) bool {
	return name == "cpu" || name == "memory" || strings.HasPrefix(name, "hugepages-")
}
