package pods

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
)

// longest bounds a short operation of the runtime.
const longest = 4 * time.Minute

// outcome is what an operation reports: apply runs in the actor's goroutine, also
// after a failure.
type outcome struct {
	err   error
	apply func(*actor)
}

// failure is an operation's error with what the container's status says of it.
type failure struct {
	reason, message string
	slow            bool
	cause           error
}

func (f *failure) Error() string { return f.reason + ": " + f.message }
func (f *failure) Unwrap() error { return f.cause }

// begin starts an operation in a goroutine of its own. Only one operation per key
// is under way; the planner sees to that.
func (a *actor) begin(act plan.Action) {
	key := act.Key()
	// wait may be given up at any time; work is short and comes to its end.
	wait, cancel := context.WithCancel(a.m.life)
	work, cutoff := context.WithTimeout(a.m.work, longest)
	a.state.Busy[key] = act
	a.cancels[key] = cancel
	run := a.operation(wait, work, act)
	began := time.Now()
	a.ops.Go(func() {
		defer cancel()
		defer cutoff()
		out := run()
		took, givenUp := time.Since(began), wait.Err() != nil
		a.log.Trace("operation ended", "operation", act, "on", key, "duration", took, "error", out.err)
		if a.m.cfg.Observe != nil {
			a.m.cfg.Observe(nameOf(act), took, out.err != nil && !givenUp)
		}
		a.post(func(a *actor) { a.ended(act, key, out, givenUp) })
	})
}

// operation binds what an action needs of the actor's state now, so that the
// goroutine that runs it reads none of it.
func (a *actor) operation(wait, work context.Context, act plan.Action) func() outcome {
	pod := a.state.Pod
	switch act := act.(type) {
	case plan.CreateSandbox:
		return func() outcome { return a.createSandbox(wait, work, pod, act) }
	case plan.InspectSandbox:
		return func() outcome { return a.inspectSandbox(work, act.ID) }
	case plan.StopSandbox:
		return func() outcome { return a.stopSandbox(work, act.ID) }
	case plan.RemoveSandbox:
		return func() outcome { return a.removeSandbox(work, act.ID) }
	case plan.MountVolumes:
		return func() outcome { return a.mountVolumes(wait, pod) }
	case plan.RefreshVolumes:
		ips := a.podIPs()
		return func() outcome { return a.refreshVolumes(wait, pod, ips) }
	case plan.UnmountVolumes:
		return func() outcome {
			err := a.m.cfg.Volumes.Unmount(work, a.uid)
			return outcome{err: err, apply: func(a *actor) { a.state.Mounted = a.state.Mounted && err != nil }}
		}
	case plan.StartContainer:
		in := startInput{pod: pod, volumes: a.volumes, ips: a.podIPs(), target: a.targetID(act.Target)}
		return func() outcome { return a.startContainer(wait, work, in, act) }
	case plan.InspectContainer:
		policy := a.messagePolicy(act.Name)
		return func() outcome { return a.inspectContainer(work, act.ID, policy) }
	case plan.StopContainer:
		in := stopInput{pod: pod, container: a.spec(act.Name), ip: first(a.podIPs())}
		if act.Resize {
			a.state.Resizing[act.ID] = true
		}
		if act.PreStop && in.container.GetLifecycle().GetPreStop() != nil {
			a.state.PreStopRan[act.ID] = true
			in.hook = true
		}
		return func() outcome { return a.stopContainer(wait, work, in, act) }
	case plan.ResizeContainer:
		return func() outcome { return a.resizeContainer(work, pod, act) }
	case plan.RemoveContainer:
		return func() outcome { return a.removeContainer(work, act, pod) }
	case plan.RemoveDirectories:
		seen := a.state.Seen
		return func() outcome { return a.removeDirectories(work, pod, seen) }
	}
	return func() outcome { return outcome{err: fmt.Errorf("no operation for %T", act)} }
}

// ended takes an operation's outcome in.
func (a *actor) ended(act plan.Action, key string, out outcome, givenUp bool) {
	delete(a.state.Busy, key)
	delete(a.cancels, key)
	now := a.m.cfg.Clock.Now()
	a.lastOp = now
	if out.apply != nil {
		out.apply(a)
	}
	if out.err == nil {
		delete(a.state.Failures, key)
		return
	}
	if givenUp && !a.failedItself(out.err) {
		return // told to give up: no failure of its own
	}
	a.m.cfg.Lister.Wake(a.uid) // what failed may have happened all the same
	f := &failure{}
	if !errors.As(out.err, &f) {
		f = &failure{message: out.err.Error()}
	}
	a.state.Failures[key] = a.state.Failures[key].Again(now, f.reason, f.message, f.slow)
	level, count := hclog.Debug, a.state.Failures[key].Count
	if count&(count-1) == 0 { // the first, the second, the fourth, …
		level = hclog.Warn
	}
	a.log.Log(level, "operation failed", "operation", nameOf(act), "on", key, "failures", count, "error", out.err)
}

// nameOf is an action's name in logs and metrics.
func nameOf(act plan.Action) string { return fmt.Sprintf("%T", act)[len("plan."):] }

// failedItself tells an operation's own failure from that of being given up.
func (a *actor) failedItself(err error) bool {
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// event records an event of the pod, if there is still a pod to speak of.
func (a *actor) event(pod *corev1.Pod, container string, warning bool, reason, message string) {
	if pod != nil {
		a.m.cfg.Events.Event(pod, container, warning, reason, message)
	}
}

// slot waits for its turn among the operations that load the machine.
func (a *actor) slot(ctx context.Context) (release func(), err error) {
	select {
	case a.m.slots <- struct{}{}:
		return func() { <-a.m.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *actor) spec(name string) *corev1.Container {
	for _, c := range a.state.Pod.GetSpec().GetInitContainers() {
		if c.GetName() == name {
			return c
		}
	}
	for _, c := range a.state.Pod.GetSpec().GetContainers() {
		if c.GetName() == name {
			return c
		}
	}
	for _, e := range a.state.Pod.GetSpec().GetEphemeralContainers() {
		if e.GetEphemeralContainerCommon().GetName() == name {
			return plan.Ephemeral(e)
		}
	}
	return nil
}

func (a *actor) targetID(name string) string {
	if name == "" {
		return ""
	}
	for _, c := range a.state.Seen.Containers {
		if c.Name == name && c.State == observed.Running {
			return c.ID
		}
	}
	return ""
}

func (a *actor) messagePolicy(name string) string {
	return a.spec(name).GetTerminationMessagePolicy()
}

// putSandbox and putContainer take in what an operation has learned.
func (a *actor) putSandbox(b observed.Sandbox) {
	for i := range a.state.Seen.Sandboxes {
		if a.state.Seen.Sandboxes[i].ID == b.ID {
			a.state.Seen.Sandboxes[i] = b
			return
		}
	}
	a.state.Seen.Sandboxes = append(a.state.Seen.Sandboxes, b)
}

func (a *actor) putContainer(c observed.Container) {
	for i := range a.state.Seen.Containers {
		if have := a.state.Seen.Containers[i]; have.ID == c.ID {
			if c.SandboxID == "" {
				c.SandboxID = have.SandboxID
			}
			a.state.Seen.Containers[i] = c
			return
		}
	}
	a.state.Seen.Containers = append(a.state.Seen.Containers, c)
}

func (a *actor) dropSandbox(id string) {
	var boxes []observed.Sandbox
	for _, b := range a.state.Seen.Sandboxes {
		if b.ID != id {
			boxes = append(boxes, b)
		}
	}
	a.state.Seen.Sandboxes = boxes
	var rest []observed.Container
	for _, c := range a.state.Seen.Containers {
		if c.SandboxID != id {
			rest = append(rest, c)
		}
	}
	a.state.Seen.Containers = rest
}

func (a *actor) dropContainer(id string) {
	delete(a.state.Applied, id)
	delete(a.state.Resizing, id)
	var rest []observed.Container
	for _, c := range a.state.Seen.Containers {
		if c.ID != id {
			rest = append(rest, c)
		}
	}
	a.state.Seen.Containers = rest
}
