// Package podstate says what a pod's status means to those who count pods: active, ready, available, ending.
//
// It owns Kubernetes' definitions of these words. All functions are pure.
package podstate

import (
	"strconv"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Phases of a pod.
const (
	Pending   = "Pending"
	Running   = "Running"
	Succeeded = "Succeeded"
	Failed    = "Failed"
	Unknown   = "Unknown"
)

// DeletionCost is the annotation by which users say which pods to remove first; lower costs go first.
const DeletionCost = "controller.kubernetes.io/pod-deletion-cost"

// Terminal tells whether the pod has ended for good.
func Terminal(p *corev1.Pod) bool {
	return p.GetStatus().GetPhase() == Succeeded || p.GetStatus().GetPhase() == Failed
}

// Active tells whether the pod counts as a replica: neither ended nor being deleted.
func Active(p *corev1.Pod) bool {
	return !Terminal(p) && p.GetMetadata().GetDeletionTimestamp() == nil
}

// Terminating tells whether the pod is being deleted but has not ended yet.
func Terminating(p *corev1.Pod) bool {
	return !Terminal(p) && p.GetMetadata().GetDeletionTimestamp() != nil
}

// Condition finds a condition of the pod; nil when it has none of the type.
func Condition(p *corev1.Pod, conditionType string) *corev1.PodCondition {
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == conditionType {
			return c
		}
	}
	return nil
}

// Ready tells whether the pod takes traffic.
func Ready(p *corev1.Pod) bool { return Condition(p, "Ready").GetStatus() == "True" }

// ReadySince is when the pod became ready; zero when it is not or nobody noted it.
func ReadySince(p *corev1.Pod) time.Time {
	c := Condition(p, "Ready")
	if c.GetStatus() != "True" || c.GetLastTransitionTime() == nil {
		return time.Time{}
	}
	return c.GetLastTransitionTime().AsTime()
}

// Available tells whether the pod has been ready for minReadySeconds; when not yet, wait is how long until it will have been (0
// when it is not ready).
func Available(p *corev1.Pod, minReadySeconds int32, now time.Time) (available bool, wait time.Duration) {
	if !Ready(p) {
		return false, 0
	}
	if minReadySeconds == 0 {
		return true, 0
	}
	since := ReadySince(p)
	if since.IsZero() {
		return false, 0
	}
	if wait = since.Add(time.Duration(minReadySeconds) * time.Second).Sub(now); wait <= 0 {
		return true, 0
	}
	return false, wait
}

// Cost is the pod's deletion cost; 0 without a valid annotation.
func Cost(p *corev1.Pod) int32 {
	cost, err := strconv.ParseInt(p.GetMetadata().GetAnnotations()[DeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}

// Restarts is the most restarts of any container that runs as long as the pod: containers and sidecars.
func Restarts(p *corev1.Pod) (containers, sidecars int32) {
	for _, s := range p.GetStatus().GetContainerStatuses() {
		containers = max(containers, s.GetRestartCount())
	}
	always := map[string]bool{}
	for _, c := range p.GetSpec().GetInitContainers() {
		always[c.GetName()] = c.GetRestartPolicy() == "Always"
	}
	for _, s := range p.GetStatus().GetInitContainerStatuses() {
		if always[s.GetName()] {
			sidecars = max(sidecars, s.GetRestartCount())
		}
	}
	return containers, sidecars
}
