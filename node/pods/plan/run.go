package plan

import (
	"sort"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// run brings a pod that shall live nearer to running.
func run(s *State, p *Plan) {
	box := current(s)
	stopStray(s, box, p)
	if box == nil {
		if !worthASandbox(s) {
			return
		}
		mount(s, p)
		if running(s) || stoppingAny(s) {
			return // the containers of a dead sandbox end first
		}
		p.add(s, CreateSandbox{Attempt: nextSandbox(s)})
		return
	}
	mount(s, p)
	stopUnfit(s, box, p)
	resize(s, box, p)
	if !s.Mounted {
		return
	}
	runEphemeral(s, box, p)
	if !runInit(s, box, p) {
		return
	}
	for _, c := range s.Pod.GetSpec().GetContainers() {
		if s.starting(c.GetName()) {
			return // one after the other, as postStart hooks count on it
		}
		if start(s, box, c, "", p) {
			return
		}
	}
}

// mount sees to the volumes; they do not need the sandbox, nor it them.
func mount(s *State, p *Plan) {
	if !s.Mounted {
		p.add(s, MountVolumes{})
	}
}

// runInit takes the init containers forward, in order, and tells whether the
// pod's main containers may run.
func runInit(s *State, box *observed.Sandbox, p *Plan) bool {
	done := initialized(s, box)
	for _, c := range s.Pod.GetSpec().GetInitContainers() {
		if !sidecar(c) && done {
			continue
		}
		if s.starting(c.GetName()) {
			if done {
				continue
			}
			return false
		}
		last := latest(s, c.GetName(), box.ID)
		switch {
		case last == nil || last.State == observed.Exited && (sidecar(c) || last.ExitCode != 0):
			start(s, box, c, "", p)
			if !done {
				return false
			}
		case last.State == observed.Running:
			if done || sidecar(c) && started(s, c, last) {
				continue
			}
			return false
		case last.State == observed.Exited: // with success
			continue
		case last.State == observed.Created:
			start(s, box, c, "", p) // which clears it away first
			if !done {
				return false
			}
		default: // unknown to the runtime: it is being stopped
			if !done {
				return false
			}
		}
	}
	return true
}

// initialized tells whether the init containers have had their run in this
// sandbox: if they all ended well, or if a main container has been made in it.
func initialized(s *State, box *observed.Sandbox) bool {
	spec := s.Pod.GetSpec()
	if len(spec.GetInitContainers()) == 0 {
		return true
	}
	if box == nil {
		return false
	}
	for _, c := range spec.GetContainers() {
		if s.starting(c.GetName()) || latest(s, c.GetName(), box.ID) != nil {
			return true
		}
	}
	for _, c := range spec.GetInitContainers() {
		last := latest(s, c.GetName(), box.ID)
		switch {
		case last == nil:
			return false
		case sidecar(c):
			if last.State != observed.Running || !started(s, c, last) {
				return false
			}
		case last.State != observed.Exited || last.ExitCode != 0:
			return false
		}
	}
	return true
}

// start plans a container's next attempt if it is due, and tells whether it has.
func start(s *State, box *observed.Sandbox, c *corev1.Container, target string, p *Plan) bool {
	last := latest(s, c.GetName(), "")
	if last != nil {
		switch last.State {
		case observed.Running, observed.Unknown: // an unknown one is stopped first
			return false
		case observed.Created:
			// Its maker did not live to start it. It has never run, so
			// its attempt is not counted.
			p.add(s, RemoveContainer{ID: last.ID, Name: last.Name, Attempt: last.Attempt})
			return false
		}
		if _, busy := s.Busy[keyStop+last.ID]; busy {
			return false
		}
		if last.SandboxID == box.ID && !restarts(s, c, last) {
			return false
		}
		if last.SandboxID != box.ID && !isInit(s.Pod, c) && !restarts(s, c, last) {
			return false
		}
	}
	at := crashUntil(s, c, last)
	if p.now.Before(at) {
		p.wake(at)
		return false
	}
	a := StartContainer{Container: Allocated(s, c), SandboxID: box.ID, Attempt: nextAttempt(s, c.GetName()), Target: target}
	if last != nil && last.Hash() == Hash(c) && !s.Resizing[last.ID] {
		a.Backoff = nextBackoff(*last)
	}
	return p.add(s, a)
}

// crashUntil is when a container that has ended may start again.
func crashUntil(s *State, c *corev1.Container, last *observed.Container) time.Time {
	if last == nil || last.State != observed.Exited || last.Hash() != Hash(c) || s.Resizing[last.ID] {
		return time.Time{}
	}
	if isInit(s.Pod, c) && !sidecar(c) && last.ExitCode == 0 {
		return time.Time{} // runs again for a new sandbox
	}
	return last.FinishedAt.Add(effectiveBackoff(*last))
}

// stopStray stops what is not in the current sandbox.
func stopStray(s *State, box *observed.Sandbox, p *Plan) {
	for i := range s.Seen.Containers {
		c := &s.Seen.Containers[i]
		if box != nil && c.SandboxID == box.ID || !alive(c.State) {
			continue
		}
		a := stopping(s, c, p.now.Add(grace(s.Pod)), grace(s.Pod), "Pod sandbox changed, it will be killed and re-created.")
		a.PreStop = false // without its sandbox there is nothing to say goodbye to
		p.add(s, a)
	}
	for _, b := range s.Seen.Sandboxes {
		if box != nil && b.ID == box.ID || !b.Ready {
			continue
		}
		if !runningIn(s, b.ID) {
			p.add(s, StopSandbox{ID: b.ID})
		}
	}
}

// stopUnfit stops containers that probes have given up on, whose specification
// has changed, or that the runtime has lost track of.
func stopUnfit(s *State, box *observed.Sandbox, p *Plan) {
	each(s.Pod, func(c *corev1.Container) {
		last := latest(s, c.GetName(), box.ID)
		if last == nil || !alive(last.State) || s.starting(c.GetName()) {
			return
		}
		g, why := grace(s.Pod), ""
		switch pr := s.Probes[last.ID]; {
		case last.State == observed.Unknown:
			why = "is in a state unknown to the runtime, will be restarted"
		case last.Hash() != Hash(c) && last.Hash() != "":
			why = "definition changed, will be restarted"
		case pr.Kill:
			why = "failed " + pr.Kind + " probe, will be restarted"
			probe := c.GetLivenessProbe()
			if pr.Kind == "startup" {
				probe = c.GetStartupProbe()
			}
			if probe != nil && probe.TerminationGracePeriodSeconds != nil {
				g = time.Duration(probe.GetTerminationGracePeriodSeconds()) * time.Second
			}
		default:
			return
		}
		p.add(s, stopping(s, last, p.now.Add(g), g, "Container "+c.GetName()+" "+why))
	})
}

// worthASandbox tells whether anything would run in a new sandbox.
func worthASandbox(s *State) bool {
	if len(s.Seen.Containers) == 0 {
		return true
	}
	for _, c := range s.Pod.GetSpec().GetContainers() {
		last := latest(s, c.GetName(), "")
		if last == nil || last.State != observed.Exited || restarts(s, c, last) {
			return true
		}
	}
	return false
}

// current is the newest ready sandbox, or nil.
func current(s *State) *observed.Sandbox {
	var best *observed.Sandbox
	for i := range s.Seen.Sandboxes {
		b := &s.Seen.Sandboxes[i]
		if _, stopping := s.Busy[keyStop+b.ID]; !b.Ready || stopping || netless(s.Pod, b) {
			continue
		}
		if best == nil || b.Attempt > best.Attempt {
			best = b
		}
	}
	return best
}

// netless tells whether a sandbox lacks the network its pod needs.
func netless(pod *corev1.Pod, b *observed.Sandbox) bool {
	return b.Inspected && !b.HostNetwork && len(b.IPs) == 0 && pod != nil && !pod.GetSpec().GetHostNetwork()
}

// nextSandbox is an attempt number that no sandbox of the pod has; nor one that may
// have been made though the call failed, whose name the runtime keeps reserved.
func nextSandbox(s *State) uint32 {
	n := uint32(max(0, s.Failures[keySandbox].Count))
	for _, b := range s.Seen.Sandboxes {
		n = max(n, b.Attempt+1)
	}
	return n
}

func running(s *State) bool {
	for _, c := range s.Seen.Containers {
		if alive(c.State) {
			return true
		}
	}
	return false
}

// alive tells whether a container may have processes.
func alive(st observed.State) bool { return st == observed.Running || st == observed.Unknown }

func runningIn(s *State, sandbox string) bool {
	for _, c := range s.Seen.Containers {
		if alive(c.State) && c.SandboxID == sandbox {
			return true
		}
	}
	return false
}

func stoppingAny(s *State) bool {
	for k := range s.Busy {
		if len(k) > len(keyStop) && k[:len(keyStop)] == keyStop {
			return true
		}
	}
	return false
}

// attempts are the containers of one name, newest first.
func attempts(s *State, name string) []*observed.Container {
	var out []*observed.Container
	for i := range s.Seen.Containers {
		if c := &s.Seen.Containers[i]; c.Name == name {
			out = append(out, c)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Attempt > out[j].Attempt })
	return out
}

// latest is the newest attempt, in the given sandbox if one is named.
func latest(s *State, name, sandbox string) *observed.Container {
	for _, c := range attempts(s, name) {
		if sandbox == "" || c.SandboxID == sandbox {
			return c
		}
	}
	return nil
}

// nextAttempt follows what the runtime has; if it has lost that, what the status
// last said.
func nextAttempt(s *State, name string) uint32 {
	if last := latest(s, name, ""); last != nil {
		return last.Attempt + 1
	}
	if st := published(s, name); st.GetContainerId() != "" || st.GetLastState().GetTerminated() != nil {
		return uint32(max(0, st.GetRestartCount())) + 1
	}
	return 0
}

func each(pod *corev1.Pod, f func(*corev1.Container)) {
	for _, c := range pod.GetSpec().GetInitContainers() {
		f(c)
	}
	for _, c := range pod.GetSpec().GetContainers() {
		f(c)
	}
}

func sidecar(c *corev1.Container) bool { return c.GetRestartPolicy() == "Always" }

func isInit(pod *corev1.Pod, c *corev1.Container) bool {
	for _, i := range pod.GetSpec().GetInitContainers() {
		if i.GetName() == c.GetName() {
			return true
		}
	}
	return false
}

// runEphemeral starts containers that were added to look into the pod, each once. They do not wait for the init containers:
// those may be what is looked into.
func runEphemeral(s *State, box *observed.Sandbox, p *Plan) {
	for _, e := range s.Pod.GetSpec().GetEphemeralContainers() {
		c := Ephemeral(e)
		last := latest(s, c.GetName(), "")
		if s.starting(c.GetName()) || last != nil && last.State != observed.Created || hasRun(s, c.GetName()) || awaits(s, e) != "" {
			continue
		}
		start(s, box, c, e.GetTargetContainerName(), p)
	}
}

// awaits names the container whose processes an ephemeral container is to see and that does not run; "" when it waits for
// none.
func awaits(s *State, e *corev1.EphemeralContainer) string {
	name := e.GetTargetContainerName()
	if last := latest(s, name, ""); name == "" || last != nil && last.State == observed.Running {
		return ""
	}
	return name
}

// hasRun tells whether the status has said that a container ran, though the runtime may have forgotten it.
func hasRun(s *State, name string) bool {
	st := published(s, name)
	return st.GetState().GetRunning() != nil || st.GetState().GetTerminated() != nil || st.GetLastState().GetTerminated() != nil
}

// ephemeral finds an ephemeral container of the pod; nil when there is none of that name.
func ephemeral(pod *corev1.Pod, name string) *corev1.EphemeralContainer {
	for _, e := range pod.GetSpec().GetEphemeralContainers() {
		if e.GetEphemeralContainerCommon().GetName() == name {
			return e
		}
	}
	return nil
}

// Ephemeral is the container that an ephemeral container stands for.
func Ephemeral(e *corev1.EphemeralContainer) *corev1.Container {
	return containerconfig.EphemeralContainer(e)
}
