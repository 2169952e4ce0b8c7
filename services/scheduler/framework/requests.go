package framework

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// PodRequests returns what a pod asks for, and the same with DefaultMilliCPU and DefaultMemory in place of what a container leaves open.
//
// Init containers run one after the other before the others start, so the pod needs the greater of the sum of what stays (containers
// and sidecars) and of any init container beside the sidecars started before it. Requests on the pod as a whole replace the sums;
// overhead comes on top. For a pod that runs, what its node has really given it counts when it is more: a shrink is free only once done. A resize
// that the node has called infeasible does not count.
func PodRequests(pod *corev1.Pod) (requests, nonZero Resources) {
	spec, status := pod.GetSpec(), pod.GetStatus()
	infeasible := resizeInfeasible(status)
	var real, assumed tally
	for _, c := range spec.GetContainers() {
		r := containerRequests(c, status.GetContainerStatuses(), infeasible)
		n := withDefaults(r, c)
		real.container(&r)
		assumed.container(&n)
	}
	for _, c := range spec.GetInitContainers() {
		r := containerRequests(c, status.GetInitContainerStatuses(), infeasible)
		n := withDefaults(r, c)
		sidecar := c.GetRestartPolicy() == "Always"
		real.initContainer(&r, sidecar)
		assumed.initContainer(&n, sidecar)
	}
	whole, overhead := spec.GetResources().GetRequests(), ResourcesOf(spec.GetOverhead())
	return real.total(whole, &overhead), assumed.total(whole, &overhead)
}

// resizeInfeasible tells whether the node has said that it can never give the pod what its spec asks for: then that is not set aside.
func resizeInfeasible(status *corev1.PodStatus) bool {
	for _, c := range status.GetConditions() {
		if c.GetType() == "PodResizePending" {
			return c.GetStatus() == "True" && c.GetReason() == "Infeasible"
		}
	}
	return false
}

func containerRequests(c *corev1.Container, statuses []*corev1.ContainerStatus, infeasible bool) Resources {
	r := ResourcesOf(c.GetResources().GetRequests())
	for _, s := range statuses {
		if s.GetName() == c.GetName() {
			if infeasible {
				r = Resources{}
			}
			raise(&r, s.GetAllocatedResources())
			raise(&r, s.GetResources().GetRequests())
		}
	}
	r.Pods = 0
	return r
}

func raise(r *Resources, list map[string]*metav1.Quantity) {
	if len(list) > 0 {
		given := ResourcesOf(list)
		r.Max(&given)
	}
}

// withDefaults keeps CPU and memory only: nothing else is scored.
func withDefaults(r Resources, c *corev1.Container) Resources {
	n := Resources{MilliCPU: r.MilliCPU, Memory: r.Memory}
	requests := c.GetResources().GetRequests()
	if _, ok := requests[CPU]; !ok && n.MilliCPU == 0 {
		n.MilliCPU = DefaultMilliCPU
	}
	if _, ok := requests[Memory]; !ok && n.Memory == 0 {
		n.Memory = DefaultMemory
	}
	return n
}

// tally sums the containers of one pod.
type tally struct {
	sum      Resources // containers that stay
	sidecars Resources // sidecars so far
	peak     Resources // greatest need while init containers run
}

func (t *tally) container(r *Resources) { t.sum.Add(r) }

func (t *tally) initContainer(r *Resources, sidecar bool) {
	if sidecar {
		t.sidecars.Add(r)
		t.peak.Max(&t.sidecars)
		return
	}
	beside := t.sidecars.Clone()
	beside.Add(r)
	t.peak.Max(&beside)
}

func (t *tally) total(whole map[string]*metav1.Quantity, overhead *Resources) Resources {
	t.sum.Add(&t.sidecars)
	t.sum.Max(&t.peak)
	if len(whole) > 0 {
		w := ResourcesOf(whole)
		for name := range whole {
			switch name {
			case CPU:
				t.sum.MilliCPU = w.MilliCPU
			case Memory:
				t.sum.Memory = w.Memory
			case EphemeralStorage, Pods: // not allowed on the whole pod
			default:
				t.sum.addScalar(name, w.Scalars[name]-t.sum.Scalars[name])
			}
		}
	}
	t.sum.Add(overhead)
	t.sum.Pods = 0
	return t.sum
}
