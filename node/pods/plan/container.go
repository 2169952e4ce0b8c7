package plan

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
)

// Waiting reasons of a container that nothing is wrong with.
const (
	reasonCreating     = "ContainerCreating"
	reasonInitializing = "PodInitializing"
	reasonCrashLoop    = "CrashLoopBackOff"
	reasonPull         = "ErrImagePull"
	reasonPullBackoff  = "ImagePullBackOff"
)

// containerStatus is the status of one container of the pod.
func containerStatus(s *State, now time.Time, c *corev1.Container) *corev1.ContainerStatus {
	old := published(s, c.GetName())
	out := &corev1.ContainerStatus{Name: c.GetName(), Image: c.GetImage()}
	all := attempts(s, c.GetName())
	if len(all) > 0 && all[0].State == observed.Created {
		all = all[1:] // nothing has run of it yet
	}
	isStarted := false
	if len(all) == 0 {
		lost(s, c, old, out, now)
		out.Started = &isStarted
		allocated := Allocated(s, c).GetResources()
		resources(c, allocated, allocated, out)
		return out
	}
	last := all[0]
	out.RestartCount = int32(last.Attempt)
	out.ContainerId = s.Node.containerID(last.ID)
	if last.Image != "" {
		out.Image = last.Image
	}
	out.ImageId = last.ImageID
	if len(all) > 1 && all[1].State == observed.Exited {
		out.LastState = &corev1.ContainerState{Terminated: terminated(s, all[1])}
	} else if t := old.GetLastState().GetTerminated(); t != nil && last.Attempt > 0 && t.GetContainerId() != out.ContainerId {
		out.LastState = &corev1.ContainerState{Terminated: t}
	}
	switch last.State {
	case observed.Running, observed.Unknown:
		out.State = &corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(last.StartedAt)}}
		isStarted = started(s, c, last)
		out.Ready = ready(s, c, last)
	default:
		end := terminated(s, last)
		if w := between(s, now, c, last); w != nil {
			out.State = &corev1.ContainerState{Waiting: w}
			out.LastState = &corev1.ContainerState{Terminated: end}
		} else {
			out.State = &corev1.ContainerState{Terminated: end}
			out.Ready = isInit(s.Pod, c) && !sidecar(c) && last.ExitCode == 0 && last.Inspected
		}
	}
	out.Started = &isStarted
	allocated := Allocated(s, c).GetResources()
	inForce := allocated
	if have, known := InForce(s, last); known && last.State == observed.Running {
		inForce = with(allocated, have)
	}
	resources(c, allocated, inForce, out)
	return out
}

// between says what a container waits for that has ended and will run again;
// nil if it will not, or is about to.
func between(s *State, now time.Time, c *corev1.Container, last *observed.Container) *corev1.ContainerStateWaiting {
	if Deleted(s) || !last.Inspected || !restarts(s, c, last) || Terminal(s, now) {
		return nil
	}
	if until := crashUntil(s, c, last); now.Before(until) {
		m := s.Pod.GetMetadata()
		return &corev1.ContainerStateWaiting{Reason: reasonCrashLoop, Message: fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
			effectiveBackoff(*last), c.GetName(), m.GetName(), m.GetNamespace(), m.GetUid())}
	}
	return failing(s, now, c)
}

// failing says why a container could not be started; nil if nothing is known.
func failing(s *State, now time.Time, c *corev1.Container) *corev1.ContainerStateWaiting {
	f := s.Failures[keyStart+c.GetName()]
	if f.Count == 0 || f.Reason == "" {
		return nil
	}
	if f.Reason == reasonPull && now.Sub(f.At) >= PullShown {
		return &corev1.ContainerStateWaiting{Reason: reasonPullBackoff, Message: fmt.Sprintf("Back-off pulling image %q: %s: %s", c.GetImage(), reasonPull, f.Message)}
	}
	return &corev1.ContainerStateWaiting{Reason: f.Reason, Message: f.Message}
}

// hindrance says what keeps the whole pod from coming up; "" if nothing is known.
func hindrance(s *State) (reason, message string) {
	if current(s) == nil {
		if f := s.Failures[keySandbox]; f.Count > 0 {
			return "FailedCreatePodSandBox", f.Message
		}
	}
	if !s.Mounted {
		if f := s.Failures[keyVolumes]; f.Count > 0 {
			return "FailedMount", f.Message
		}
	}
	return "", ""
}

// PullShown is how long a failed pull shows as ErrImagePull before it shows as
// ImagePullBackOff.
const PullShown = 2 * time.Second

// lost fills in the status of a container of which the runtime has nothing: it
// has not been made yet, or the runtime has forgotten it.
func lost(s *State, c *corev1.Container, old, out *corev1.ContainerStatus, now time.Time) {
	out.LastState = old.GetLastState()
	out.RestartCount = old.GetRestartCount()
	switch {
	case old.GetState().GetTerminated() != nil && (Deleted(s) || Terminal(s, now) || ephemeral(s.Pod, c.GetName()) != nil):
		out.State, out.ContainerId, out.ImageId, out.Ready = old.GetState(), old.GetContainerId(), old.GetImageId(), old.GetReady()
		return
	case old.GetState().GetTerminated() != nil:
		out.LastState = old.GetState()
	case old.GetState().GetRunning() != nil:
		gone := &corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "The container could not be located in the runtime",
			StartedAt: old.GetState().GetRunning().GetStartedAt(), FinishedAt: timestamppb.New(now.Truncate(time.Second)), ContainerId: old.GetContainerId(),
		}}
		if Deleted(s) || Terminal(s, now) || ephemeral(s.Pod, c.GetName()) != nil {
			out.State, out.ContainerId, out.ImageId = gone, old.GetContainerId(), old.GetImageId()
			return
		}
		out.LastState = gone
	}
	w := failing(s, now, c)
	if w == nil {
		w = &corev1.ContainerStateWaiting{Reason: reasonCreating}
		if len(s.Pod.GetSpec().GetInitContainers()) > 0 && !initialized(s, current(s)) {
			w.Reason = reasonInitializing
		}
		_, w.Message = hindrance(s)
		if e := ephemeral(s.Pod, c.GetName()); e != nil {
			w.Reason = reasonCreating // it does not wait for the init containers
			if target := awaits(s, e); target != "" && w.Message == "" {
				w.Message = "waiting for container " + target + " to run, whose processes it is to see"
			}
		}
	}
	out.State = &corev1.ContainerState{Waiting: w}
}

func terminated(s *State, c *observed.Container) *corev1.ContainerStateTerminated {
	t := &corev1.ContainerStateTerminated{
		ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message,
		StartedAt: stamp(c.StartedAt), FinishedAt: stamp(c.FinishedAt), ContainerId: s.Node.containerID(c.ID),
	}
	// Its last words may be known only from before the agent restarted.
	for _, old := range []*corev1.ContainerStateTerminated{published(s, c.Name).GetState().GetTerminated(), published(s, c.Name).GetLastState().GetTerminated()} {
		if old.GetContainerId() == t.ContainerId && t.Message == "" {
			t.Message = old.GetMessage()
		}
	}
	if t.Reason == "" && c.Inspected {
		t.Reason = "Completed"
		if c.ExitCode != 0 {
			t.Reason = "Error"
		}
	}
	return t
}

// resources tells what is set aside for the container, and what it runs with.
func resources(c *corev1.Container, allocated, inForce *corev1.ResourceRequirements, out *corev1.ContainerStatus) {
	out.AllocatedResources = allocated.GetRequests()
	if len(inForce.GetRequests())+len(inForce.GetLimits()) > 0 {
		out.Resources = &corev1.ResourceRequirements{Limits: inForce.GetLimits(), Requests: inForce.GetRequests()}
	}
	for _, m := range c.GetVolumeMounts() {
		v := &corev1.VolumeMountStatus{Name: m.GetName(), MountPath: m.GetMountPath(), ReadOnly: m.GetReadOnly()}
		if m.GetReadOnly() {
			off := "Disabled"
			v.RecursiveReadOnly = &off
		}
		out.VolumeMounts = append(out.VolumeMounts, v)
	}
}

// published is what the status last said of a container.
func published(s *State, name string) *corev1.ContainerStatus {
	for _, all := range [][]*corev1.ContainerStatus{
		s.Published.GetContainerStatuses(), s.Published.GetInitContainerStatuses(), s.Published.GetEphemeralContainerStatuses(),
	} {
		for _, c := range all {
			if c.GetName() == name {
				return c
			}
		}
	}
	return nil
}

func (n Node) containerID(id string) string {
	if id == "" {
		return ""
	}
	return n.Runtime + "://" + id
}

// stamp is a time as the API keeps it, to the second.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t.Truncate(time.Second))
}
