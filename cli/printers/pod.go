package printers

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// podSummary is what the columns of a pod are made of.
type podSummary struct {
	ready, total int
	restarts     int32
	// lastRestart is when the latest restarted container ended; zero when none did.
	lastRestart time.Time
	status      string
}

// PodStatus is the word that tells most about a pod.
func PodStatus(p *corev1.Pod) string { return summarize(p).status }

func podReady(o kind.Object, _ time.Time) string {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return none
	}
	s := summarize(p)
	return fmt.Sprintf("%d/%d", s.ready, s.total)
}

func podStatus(o kind.Object, _ time.Time) string {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return none
	}
	return summarize(p).status
}

func podRestarts(o kind.Object, now time.Time) string {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return none
	}
	s := summarize(p)
	if s.restarts == 0 || s.lastRestart.IsZero() {
		return strconv.Itoa(int(s.restarts))
	}
	return fmt.Sprintf("%d (%s ago)", s.restarts, duration.HumanDuration(now.Sub(s.lastRestart)))
}

func podReadinessGates(o kind.Object, _ time.Time) string {
	p, ok := o.(*corev1.Pod)
	if !ok || len(p.GetSpec().GetReadinessGates()) == 0 {
		return none
	}
	met := 0
	for _, g := range p.GetSpec().GetReadinessGates() {
		if podCondition(p, g.GetConditionType()) {
			met++
		}
	}
	return fmt.Sprintf("%d/%d", met, len(p.GetSpec().GetReadinessGates()))
}

func podCondition(p *corev1.Pod, name string) bool {
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == name {
			return c.GetStatus() == "True"
		}
	}
	return false
}

// restarted counts a container's restarts.
func (s *podSummary) restarted(c *corev1.ContainerStatus) {
	s.restarts += c.GetRestartCount()
	if t := c.GetLastState().GetTerminated().GetFinishedAt(); t.GetSeconds() != 0 && t.AsTime().After(s.lastRestart) {
		s.lastRestart = t.AsTime()
	}
}

// ended names how a container ended: its reason, or its signal or exit code.
func ended(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.GetReason() != "":
		return t.GetReason()
	case t.GetSignal() != 0:
		return fmt.Sprintf("Signal:%d", t.GetSignal())
	}
	return fmt.Sprintf("ExitCode:%d", t.GetExitCode())
}

// summarize says of a pod what Kubernetes' own printer says. The first init container that has not done its
// work speaks for the pod; after that, the first container that waits or has ended.
func summarize(p *corev1.Pod) podSummary {
	status, spec := p.GetStatus(), p.GetSpec()
	s := podSummary{total: len(spec.GetContainers()), status: status.GetPhase()}
	if s.status == "" {
		s.status = unknown
	}
	if status.GetReason() != "" {
		s.status = status.GetReason()
	}
	for _, c := range status.GetConditions() {
		if c.GetType() == "PodScheduled" && c.GetReason() == "SchedulingGated" {
			s.status = "SchedulingGated"
		}
	}
	sidecars := podSummary{}
	initializing := s.initStatus(p, &sidecars)
	if !initializing || podCondition(p, "Initialized") {
		// Restarts of init containers that are done no longer matter.
		s.restarts, s.lastRestart = sidecars.restarts, sidecars.lastRestart
		s.mainStatus(p)
	}
	if p.GetMetadata().GetDeletionTimestamp() != nil {
		if status.GetReason() == "NodeLost" {
			s.status = "Unknown"
		} else if phase := status.GetPhase(); phase != "Succeeded" && phase != "Failed" {
			s.status = "Terminating"
		}
	}
	return s
}

// initStatus goes through the init containers; true when one of them is still at work.
func (s *podSummary) initStatus(p *corev1.Pod, sidecars *podSummary) bool {
	sidecar := map[string]bool{}
	for _, c := range p.GetSpec().GetInitContainers() {
		if c.GetRestartPolicy() == "Always" {
			sidecar[c.GetName()] = true
			s.total++
		}
	}
	for i, c := range p.GetStatus().GetInitContainerStatuses() {
		s.restarted(c)
		if sidecar[c.GetName()] {
			sidecars.restarted(c)
		}
		terminated, waiting := c.GetState().GetTerminated(), c.GetState().GetWaiting()
		switch {
		case terminated != nil && terminated.GetExitCode() == 0:
			continue
		case sidecar[c.GetName()] && c.GetStarted():
			if c.GetReady() {
				s.ready++
			}
			continue
		case terminated != nil:
			s.status = "Init:" + ended(terminated)
		case waiting.GetReason() != "" && waiting.GetReason() != "PodInitializing":
			s.status = "Init:" + waiting.GetReason()
		default:
			s.status = fmt.Sprintf("Init:%d/%d", i, len(p.GetSpec().GetInitContainers()))
		}
		return true
	}
	return false
}

// mainStatus goes through the containers, the last first, so that the first has the last word.
func (s *podSummary) mainStatus(p *corev1.Pod) {
	statuses := p.GetStatus().GetContainerStatuses()
	// In a pod that is over, a container that never began waits for nothing; why the pod ended tells more.
	over := p.GetStatus().GetPhase() == "Failed" || p.GetStatus().GetPhase() == "Succeeded"
	running := false
	for i := len(statuses) - 1; i >= 0; i-- {
		c := statuses[i]
		s.restarted(c)
		state := c.GetState()
		switch {
		case state.GetWaiting().GetReason() != "":
			if !over {
				s.status = state.GetWaiting().GetReason()
			}
		case state.GetTerminated() != nil:
			s.status = ended(state.GetTerminated())
		case c.GetReady() && state.GetRunning() != nil:
			running = true
			s.ready++
		}
	}
	if s.status == "Completed" && running {
		// One container is done, another still works.
		s.status = "NotReady"
		if podCondition(p, "Ready") {
			s.status = "Running"
		}
	}
}
