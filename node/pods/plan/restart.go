package plan

import (
	"slices"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// Restart back-off as in Kubernetes: the first restart at once, then 10 seconds,
// doubling to five minutes; a run of ten minutes begins anew.
const (
	backoffFirst = 10 * time.Second
	backoffMost  = 5 * time.Minute
	backoffReset = 10 * time.Minute
)

// Tries at things that are likely to come right by themselves.
const (
	quickFirst = time.Second
	quickMost  = 15 * time.Second
)

const (
	policyAlways    = "Always"
	policyOnFailure = "OnFailure"
	policyNever     = "Never"
)

func doubled(first, most time.Duration, times int) time.Duration {
	d := first
	for range times {
		if d >= most {
			break
		}
		d *= 2
	}
	return min(d, most)
}

// effectiveBackoff is the wait after the end of a container.
func effectiveBackoff(c observed.Container) time.Duration {
	if !c.StartedAt.IsZero() && c.FinishedAt.Sub(c.StartedAt) >= backoffReset {
		return 0
	}
	return c.Backoff()
}

// nextBackoff is the wait to record with the attempt that follows c.
func nextBackoff(c observed.Container) time.Duration {
	d := effectiveBackoff(c)
	if d < backoffFirst {
		return backoffFirst
	}
	return min(2*d, backoffMost)
}

// policy is the restart policy in force for a container of the pod.
func policy(pod *corev1.Pod, c *corev1.Container) string {
	if c.GetRestartPolicy() != "" {
		return c.GetRestartPolicy()
	}
	if p := pod.GetSpec().GetRestartPolicy(); p != "" {
		if p == policyAlways && isInit(pod, c) {
			return policyOnFailure // to run to completion once
		}
		return p
	}
	return policyAlways
}

// restarts tells whether an ended container is to be started again.
func restarts(s *State, c *corev1.Container, last *observed.Container) bool {
	if last.State != observed.Exited || ephemeral(s.Pod, c.GetName()) != nil {
		return false
	}
	if s.Resizing[last.ID] {
		return true // ended to be made anew
	}
	if h := last.Hash(); h != "" && h != Hash(c) {
		return true // ended to be made anew
	}
	for _, r := range c.GetRestartPolicyRules() {
		if r.GetAction() != "Restart" || r.GetExitCodes() == nil {
			continue
		}
		in := slices.Contains(r.GetExitCodes().GetValues(), last.ExitCode)
		if op := r.GetExitCodes().GetOperator(); op == "In" && in || op == "NotIn" && !in {
			return true
		}
	}
	switch policy(s.Pod, c) {
	case policyNever:
		return false
	case policyOnFailure:
		return last.ExitCode != 0
	default:
		return true
	}
}

// Hash identifies what a running container cannot take on without being made
// anew.
func Hash(c *corev1.Container) string { return containerconfig.Hash(c) }

// started tells whether a running container has passed its startup probe.
func started(s *State, c *corev1.Container, last *observed.Container) bool {
	if last.State != observed.Running {
		return false
	}
	if s.starting(c.GetName()) {
		return false // its postStart hook has not returned
	}
	if c.GetStartupProbe() == nil {
		return true
	}
	v := s.Probes[last.ID].Started
	return v != nil && *v
}

// ready tells whether a running container may serve.
func ready(s *State, c *corev1.Container, last *observed.Container) bool {
	if !started(s, c, last) {
		return false
	}
	if c.GetReadinessProbe() == nil {
		return true
	}
	v := s.Probes[last.ID].Ready
	return v != nil && *v
}

// grace is the pod's termination grace period.
func grace(pod *corev1.Pod) time.Duration {
	if m := pod.GetMetadata(); m.GetDeletionTimestamp() != nil && m.DeletionGracePeriodSeconds != nil {
		return time.Duration(m.GetDeletionGracePeriodSeconds()) * time.Second
	}
	if v := pod.GetSpec().GetTerminationGracePeriodSeconds(); pod.GetSpec() != nil && pod.GetSpec().TerminationGracePeriodSeconds != nil {
		return time.Duration(v) * time.Second
	}
	return 30 * time.Second
}

// deadline is when a pod with activeDeadlineSeconds must end; zero without.
func deadline(pod *corev1.Pod, since time.Time) time.Time {
	if pod.GetSpec() == nil || pod.GetSpec().ActiveDeadlineSeconds == nil || since.IsZero() {
		return time.Time{}
	}
	return since.Add(time.Duration(pod.GetSpec().GetActiveDeadlineSeconds()) * time.Second)
}
