package plan

import (
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
)

// Terminal tells whether the pod has come to its end by itself: its phase is
// final, its deadline has passed, or nothing in it will run again.
func Terminal(s *State, now time.Time) bool {
	if ph := s.Published.GetPhase(); ph == PhaseSucceeded || ph == PhaseFailed {
		return true
	}
	if s.Pod == nil {
		return false
	}
	if at := deadline(s.Pod, s.AdmittedAt); !at.IsZero() && !now.Before(at) {
		return true
	}
	_, over := outcome(s)
	return over
}

// outcome is how the pod ended, if nothing in it will run again.
func outcome(s *State) (phase string, over bool) {
	spec := s.Pod.GetSpec()
	box := current(s)
	if !initialized(s, box) {
		for _, c := range spec.GetInitContainers() {
			last := latest(s, c.GetName(), "")
			if last != nil && !sidecar(c) && last.Failed() && last.Inspected && !restarts(s, c, last) && !s.starting(c.GetName()) {
				return PhaseFailed, true
			}
		}
	}
	if len(spec.GetContainers()) == 0 {
		return "", false
	}
	phase = PhaseSucceeded
	for _, c := range spec.GetContainers() {
		last := latest(s, c.GetName(), "")
		if last == nil || last.State != observed.Exited || !last.Inspected || restarts(s, c, last) || s.starting(c.GetName()) {
			return "", false
		}
		if last.ExitCode != 0 {
			phase = PhaseFailed
		}
	}
	return phase, true
}

// stopAll ends everything in the pod: main containers, then the sidecars in
// reverse order, then the sandbox; and if the pod is deleted, removes it all.
func stopAll(s *State, p *Plan, remove bool) {
	if stopContainers(s, p, remove) {
		return
	}
	if s.startingAny() || busy(s, keySandbox) || busy(s, keyVolumes) {
		return // what comes of it will be seen, and stopped
	}
	waiting := false
	for _, b := range s.Seen.Sandboxes {
		if b.Ready || busy(s, keyStop+b.ID) {
			p.add(s, StopSandbox{ID: b.ID})
			waiting = true
		}
	}
	if waiting {
		return
	}
	if remove {
		p.Freeze = true
		removeAll(s, p)
		return
	}
	if s.Mounted {
		p.add(s, UnmountVolumes{})
	}
	collect(s, p)
}

// stopContainers plans the stops that are due, and tells whether any container
// is still to end.
func stopContainers(s *State, p *Plan, remove bool) bool {
	since := s.StopSince
	if since.IsZero() {
		since = p.now
	}
	end := since.Add(stopGrace(s))
	var cars []*observed.Container
	waiting := false
	for i := range s.Seen.Containers {
		c := &s.Seen.Containers[i]
		if !alive(c.State) {
			continue
		}
		if isSidecar(s.Pod, c.Name) {
			cars = append(cars, c)
			continue
		}
		waiting = true
		p.add(s, stop(s, c, end))
	}
	if waiting && p.now.Before(end) {
		if len(cars) > 0 {
			p.wake(end)
		}
		return true
	}
	if s.startingAny() && !remove {
		return true
	}
	// Sidecars end in the reverse of their order; past the deadline, together.
	for i := len(s.Pod.GetSpec().GetInitContainers()) - 1; i >= 0; i-- {
		name := s.Pod.GetSpec().GetInitContainers()[i].GetName()
		for _, c := range cars {
			if c.Name != name {
				continue
			}
			waiting = true
			p.add(s, stop(s, c, end))
			if p.now.Before(end) {
				p.wake(end)
				return true
			}
		}
	}
	return waiting
}

// leastGrace is what every container gets between the request to end and the
// kill, however late it is, unless the grace period is zero.
const leastGrace = 2 * time.Second

// stop ends one container of a pod that ends.
func stop(s *State, c *observed.Container, end time.Time) StopContainer {
	return stopping(s, c, end, stopGrace(s), "Stopping container "+c.Name)
}

func stopping(s *State, c *observed.Container, end time.Time, grace time.Duration, message string) StopContainer {
	a := StopContainer{ID: c.ID, Name: c.Name, Deadline: end, PreStop: !s.PreStopRan[c.ID] && c.State == observed.Running, Reason: "Killing", Message: message}
	if grace > 0 {
		a.Least = leastGrace
	}
	return a
}

// stopGrace is the grace of the whole stop.
func stopGrace(s *State) time.Duration {
	if s.Pod == nil {
		for _, b := range s.Seen.Sandboxes {
			return b.Grace()
		}
		return grace(nil)
	}
	return grace(s.Pod)
}

// removeAll leaves nothing of the pod.
func removeAll(s *State, p *Plan) {
	waiting := false
	for _, b := range s.Seen.Sandboxes {
		p.add(s, RemoveSandbox{ID: b.ID})
		waiting = true
	}
	if waiting {
		return
	}
	for _, c := range s.Seen.Containers { // whose sandbox is lost
		p.add(s, RemoveContainer{ID: c.ID, Name: c.Name, Attempt: c.Attempt})
		waiting = true
	}
	if waiting {
		return
	}
	if !s.Removed {
		p.add(s, RemoveDirectories{})
		return
	}
	p.Done = len(s.Busy) == 0
}

// collect removes ended containers but the newest ended one of each name, and
// old sandboxes in which no container is left.
func collect(s *State, p *Plan) {
	seen := map[string]bool{}
	held := map[string]bool{}
	for _, any := range s.Seen.Containers {
		held[any.SandboxID] = true // until the listing has it no longer
		if seen[any.Name] {
			continue
		}
		seen[any.Name] = true
		kept := false
		for _, c := range attempts(s, any.Name) {
			if c.State != observed.Exited {
				continue
			}
			if !kept {
				kept = true
				continue
			}
			p.add(s, RemoveContainer{ID: c.ID, Name: c.Name, Attempt: c.Attempt})
		}
	}
	box := current(s)
	var newest *observed.Sandbox
	for i := range s.Seen.Sandboxes {
		if b := &s.Seen.Sandboxes[i]; newest == nil || b.Attempt > newest.Attempt {
			newest = b
		}
	}
	for _, b := range s.Seen.Sandboxes {
		if b.Ready || held[b.ID] || box != nil && box.ID == b.ID || newest != nil && newest.ID == b.ID {
			continue // the newest is kept for its attempt number
		}
		p.add(s, RemoveSandbox{ID: b.ID})
	}
}

func isSidecar(pod *corev1.Pod, name string) bool {
	for _, c := range pod.GetSpec().GetInitContainers() {
		if c.GetName() == name {
			return sidecar(c)
		}
	}
	return false
}

func busy(s *State, key string) bool {
	_, ok := s.Busy[key]
	return ok
}
