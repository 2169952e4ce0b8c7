package plan

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// The phases of a pod.
const (
	PhasePending   = "Pending"
	PhaseRunning   = "Running"
	PhaseSucceeded = "Succeeded"
	PhaseFailed    = "Failed"
	PhaseUnknown   = "Unknown"
)

// Status is the pod's status as Kubernetes would have it. The result is new; it
// shares nothing that is written later. A nil result means that there is no pod
// to speak of.
func Status(s *State, now time.Time) *corev1.PodStatus {
	if s.Pod == nil {
		return nil
	}
	spec := s.Pod.GetSpec()
	st := &corev1.PodStatus{
		ObservedGeneration: s.Pod.GetMetadata().GetGeneration(),
		QosClass:           s.Published.GetQosClass(),
		NominatedNodeName:  "",
		Reason:             s.Published.GetReason(),
		Message:            s.Published.GetMessage(),
		// What others write here is theirs.
		ResourceClaimStatuses:       s.Pod.GetStatus().GetResourceClaimStatuses(),
		ExtendedResourceClaimStatus: s.Pod.GetStatus().GetExtendedResourceClaimStatus(),
	}
	if st.QosClass == "" {
		st.QosClass = containerconfig.QOSClass(s.Pod)
	}
	if !s.AdmittedAt.IsZero() {
		st.StartTime = timestamppb.New(s.AdmittedAt.Truncate(time.Second))
	}
	if len(s.Node.HostIPs) > 0 {
		st.HostIp = s.Node.HostIPs[0]
		for _, ip := range s.Node.HostIPs {
			st.HostIps = append(st.HostIps, &corev1.HostIP{Ip: ip})
		}
	}
	for _, c := range spec.GetInitContainers() {
		st.InitContainerStatuses = append(st.InitContainerStatuses, containerStatus(s, now, c))
	}
	for _, c := range spec.GetContainers() {
		st.ContainerStatuses = append(st.ContainerStatuses, containerStatus(s, now, c))
	}
	for _, e := range spec.GetEphemeralContainers() {
		c := containerStatus(s, now, Ephemeral(e))
		c.Ready, c.Started = false, nil // it serves nobody
		st.EphemeralContainerStatuses = append(st.EphemeralContainerStatuses, c)
	}
	setIPs(s, st)
	st.Phase = phase(s, st, now)
	if ranOut(s) && !running(s) && !s.startingAny() {
		// Not before nothing runs: who has ended may be deleted without grace.
		st.Phase, st.Reason, st.Message = PhaseFailed, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
	}
	conditions(s, st, now)
	return st
}

// ranOut tells whether the pod is being ended because its time is up.
func ranOut(s *State) bool {
	at := deadline(s.Pod, s.AdmittedAt)
	return !at.IsZero() && !s.StopSince.IsZero() && !s.StopSince.Before(at) && !Deleted(s) &&
		s.Published.GetPhase() != PhaseSucceeded && s.Published.GetPhase() != PhaseFailed
}

// setIPs gives the addresses of the current sandbox; of a pod that has ended,
// the last ones.
func setIPs(s *State, st *corev1.PodStatus) {
	var ips []string
	if box := current(s); box != nil {
		ips = box.IPs
		if s.Pod.GetSpec().GetHostNetwork() {
			ips = s.Node.HostIPs
		}
	} else if Deleted(s) || s.Published.GetPhase() == PhaseSucceeded || s.Published.GetPhase() == PhaseFailed || !s.StopSince.IsZero() {
		for _, ip := range s.Published.GetPodIps() {
			ips = append(ips, ip.GetIp())
		}
	}
	for i, ip := range ips {
		if i == 0 {
			st.PodIp = ip
		}
		st.PodIps = append(st.PodIps, &corev1.PodIP{Ip: ip})
	}
}

// phase sums the container statuses up. A final phase stays.
func phase(s *State, st *corev1.PodStatus, now time.Time) string {
	if ph := s.Published.GetPhase(); ph == PhaseSucceeded || ph == PhaseFailed {
		return ph
	}
	if ph, over := outcome(s); over && !anySidecarRuns(s) {
		return ph
	}
	spec := s.Pod.GetSpec()
	if Deleted(s) && !running(s) && !s.startingAny() && !s.StopSince.IsZero() && len(s.Seen.Containers) > 0 && !stoppingAny(s) {
		return finalPhase(s)
	}
	if !initialized(s, current(s)) && !everRan(st) {
		return PhasePending
	}
	var runs, waits, ended int
	for _, c := range st.GetContainerStatuses() {
		switch {
		case c.GetState().GetRunning() != nil:
			runs++
		case c.GetState().GetTerminated() != nil, c.GetLastState().GetTerminated() != nil:
			ended++
		default:
			waits++
		}
	}
	switch {
	case waits > 0:
		return PhasePending
	case runs > 0 || ended > 0 && len(spec.GetContainers()) > 0:
		return PhaseRunning
	}
	return PhasePending
}

func everRan(st *corev1.PodStatus) bool {
	for _, c := range st.GetContainerStatuses() {
		if c.GetState().GetRunning() != nil || c.GetState().GetTerminated() != nil || c.GetLastState().GetTerminated() != nil {
			return true
		}
	}
	return false
}

// finalPhase is that of a deleted pod in which nothing runs any more.
func finalPhase(s *State) string {
	for _, c := range s.Pod.GetSpec().GetContainers() {
		last := latest(s, c.GetName(), "")
		if last == nil || last.State != observed.Exited || last.ExitCode != 0 {
			return PhaseFailed
		}
	}
	return PhaseSucceeded
}

func anySidecarRuns(s *State) bool {
	for _, c := range s.Seen.Containers {
		if alive(c.State) && isSidecar(s.Pod, c.Name) {
			return true
		}
	}
	return false
}

// The conditions that the agent writes; all others are left as the API has them.
const (
	condReadyToStart = "PodReadyToStartContainers"
	condInitialized  = "Initialized"
	condReady        = "Ready"
	condContainers   = "ContainersReady"
	condScheduled    = "PodScheduled"
)

// Own tells whether the agent is the writer of a pod condition.
func Own(condition string) bool {
	switch condition {
	case condReadyToStart, condInitialized, condReady, condContainers, condScheduled, condResizePending, condResizeInProgress:
		return true
	}
	return false
}

func conditions(s *State, st *corev1.PodStatus, now time.Time) {
	generation := st.GetObservedGeneration()
	over := st.GetPhase() == PhaseSucceeded || st.GetPhase() == PhaseFailed
	set := func(kind string, ok bool, reason, message string) {
		c := &corev1.PodCondition{Type: kind, Status: "False", Reason: reason, Message: message, ObservedGeneration: generation}
		if ok {
			c.Status = "True"
		}
		c.LastTransitionTime = timestamppb.New(now.Truncate(time.Second))
		if old := condition(s.Published, kind); old.GetStatus() == c.GetStatus() && old.GetLastTransitionTime() != nil {
			c.LastTransitionTime = old.GetLastTransitionTime()
		}
		st.Conditions = append(st.Conditions, c)
	}
	box := current(s)
	boxed := box != nil && box.Inspected && (len(box.IPs) > 0 || box.HostNetwork || s.Pod.GetSpec().GetHostNetwork())
	hindered, cause := "", ""
	if !boxed && !over && !Deleted(s) {
		hindered, cause = hindrance(s)
	}
	set(condReadyToStart, boxed, hindered, cause)

	switch in := initialized(s, box) || everRan(st); {
	case in && over && st.GetPhase() == PhaseSucceeded:
		set(condInitialized, true, "PodCompleted", "")
	case in:
		set(condInitialized, true, "", "")
	default:
		set(condInitialized, false, "ContainersNotInitialized", "containers with incomplete status: "+list(incomplete(st, s)))
	}

	unready := notReady(s, st)
	isReady, why, text := len(unready) == 0, "", ""
	switch {
	case st.GetPhase() == PhaseSucceeded:
		isReady, why = false, "PodCompleted"
	case st.GetPhase() == PhaseFailed:
		isReady, why = false, "PodFailed"
	case !isReady:
		why, text = "ContainersNotReady", "containers with unready status: "+list(unready)
	}
	containersReady, containersWhy, containersText := isReady, why, text
	if isReady {
		if missing := gates(s); len(missing) > 0 {
			isReady, why, text = false, "ReadinessGatesNotReady", strings.Join(missing, ", ")
		}
	}
	set(condReady, isReady, why, text)
	set(condContainers, containersReady, containersWhy, containersText)
	set(condScheduled, true, "", "")
	if !over && !Deleted(s) {
		resizeConditions(s, set)
	}
	for _, c := range s.Pod.GetStatus().GetConditions() {
		if !Own(c.GetType()) {
			st.Conditions = append(st.Conditions, c)
		}
	}
}

func condition(st *corev1.PodStatus, kind string) *corev1.PodCondition {
	for _, c := range st.GetConditions() {
		if c.GetType() == kind {
			return c
		}
	}
	return nil
}

func incomplete(st *corev1.PodStatus, s *State) []string {
	var out []string
	for i, c := range s.Pod.GetSpec().GetInitContainers() {
		is := st.GetInitContainerStatuses()[i]
		if sidecar(c) && is.GetStarted() || !sidecar(c) && is.GetState().GetTerminated() != nil && is.GetState().GetTerminated().GetExitCode() == 0 {
			continue
		}
		out = append(out, c.GetName())
	}
	return out
}

func notReady(s *State, st *corev1.PodStatus) []string {
	var out []string
	for i, c := range s.Pod.GetSpec().GetInitContainers() {
		if sidecar(c) && !st.GetInitContainerStatuses()[i].GetReady() {
			out = append(out, c.GetName())
		}
	}
	for _, c := range st.GetContainerStatuses() {
		if !c.GetReady() {
			out = append(out, c.GetName())
		}
	}
	return out
}

// gates says which of the pod's readiness gates are shut.
func gates(s *State) []string {
	var out []string
	for _, g := range s.Pod.GetSpec().GetReadinessGates() {
		c := condition(s.Pod.GetStatus(), g.GetConditionType())
		switch {
		case c == nil:
			out = append(out, `corresponding condition of pod readiness gate "`+g.GetConditionType()+`" does not exist.`)
		case c.GetStatus() != "True":
			out = append(out, `the status of pod readiness gate "`+g.GetConditionType()+`" is not "True", but `+c.GetStatus())
		}
	}
	return out
}

func list(names []string) string { return "[" + strings.Join(names, " ") + "]" }
