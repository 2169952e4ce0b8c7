package containerconfig

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Scores of the kernel's out-of-memory killer, as Kubernetes gives them: the higher,
// the sooner killed.
const (
	guaranteedOOM = -997
	bestEffortOOM = 1000

	// systemCriticalPriority is where the priorities reserved to the system begin.
	systemCriticalPriority = 2_000_000_000
)

// OOMScoreAdj is the container's score. A burstable container is the safer the more
// of the node's memory it asked for: 1000 - 1000·request/capacity, kept between the two
// other classes. The result is never below MinOOMScoreAdj.
func (c *Config) OOMScoreAdj(pod *corev1.Pod, container *corev1.Container) int64 {
	return max(c.oomScore(pod, container), c.MinOOMScoreAdj)
}

func (c *Config) oomScore(pod *corev1.Pod, container *corev1.Container) int64 {
	if pod.GetSpec().GetPriority() >= systemCriticalPriority {
		return guaranteedOOM
	}
	switch QOSClass(pod) {
	case Guaranteed:
		return guaranteedOOM
	case BestEffort:
		return bestEffortOOM
	}
	request := value(container.GetResources().GetRequests(), "memory") / 1000
	if isSidecar(container) {
		// A sidecar serves the others: it must not be killed before them.
		for _, main := range pod.GetSpec().GetContainers() {
			request = max(request, value(main.GetResources().GetRequests(), "memory")/1000)
		}
	}
	request += podMemoryShare(pod)
	score := int64(bestEffortOOM)
	if c.MemoryCapacity > 0 {
		score = 1000 - int64(float64(request)*1000/float64(c.MemoryCapacity))
	}
	return min(max(score, 1000+guaranteedOOM), bestEffortOOM-1)
}

// podMemoryShare is each container's equal part of what the pod as a whole requests beyond
// the sum of its containers.
func podMemoryShare(pod *corev1.Pod) int64 {
	total := value(pod.GetSpec().GetResources().GetRequests(), "memory") / 1000
	if total == 0 {
		return 0
	}
	running := runningContainers(pod)
	for _, container := range running {
		total -= value(container.GetResources().GetRequests(), "memory") / 1000
	}
	if total <= 0 {
		return 0
	}
	return total / int64(max(len(running), 1))
}
