// Package plan is the pod state machine of the node agent, as a pure function:
// what is wanted (the pod), what is seen (sandboxes and containers in the
// runtime), what is remembered (failures, probe results, operations under way)
// and the time go in; what to do next, when to look again, and the pod's status
// come out.
//
// It knows no clock, runtime, API or file system. Nothing here blocks, and
// nothing is changed in place: a State may be planned from any goroutine as long
// as nobody writes to it meanwhile. The actor in the package above carries the
// actions out and feeds their results back.
package plan

import (
	"slices"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// State is everything known of one pod.
type State struct {
	// Pod is the pod as the API last had it; nil for an orphan, of which only
	// the runtime knows.
	Pod *corev1.Pod
	// Gone: the API has the pod no longer.
	Gone bool
	// Now or earlier: when the agent first saw that the pod has to stop. Zero
	// while it may run.
	StopSince time.Time
	// AdmittedAt is status.startTime: when the agent took the pod on.
	AdmittedAt time.Time

	// Seen is what the runtime has of the pod.
	Seen observed.Pod
	// Probes is what the probes say, by container id.
	Probes map[string]Probes
	// PreStopRan has the ids of containers whose preStop hook has been begun.
	PreStopRan map[string]bool

	// Mounted: the pod's volumes are there.
	Mounted bool

	// Busy has the operations under way, by key: nothing is planned for a
	// key that is busy.
	Busy map[string]Action
	// Failures has the operations that have failed since they last went well,
	// by key: they are planned again only when they have waited.
	Failures map[string]Failure
	// Allocated is what the node has set aside for each container; the spec counts for a container that is not in it.
	Allocated Allocation
	// Refused is why that is not what the spec asks for; nil when it is.
	Refused *Refusal
	// Releasing is what stays set aside for the pod until all its containers run with less; nil when they do.
	Releasing containerconfig.Amounts
	// Applied is what this agent has given running containers last, by id.
	Applied map[string]*corev1.ResourceRequirements
	// Resizing has the ids of containers that were stopped to be started again with other resources.
	Resizing map[string]bool
	// Removed: nothing is left of the pod on the node's disk.
	Removed bool

	// Published is the status last computed, at first the API's.
	Published *corev1.PodStatus

	// Node is what the status says about the node.
	Node Node
}

// Node is what a pod's status says about its node.
type Node struct {
	HostIPs []string
	// Runtime names the container runtime, for container ids: "containerd".
	Runtime string
}

// Failure is an operation that has failed, perhaps several times.
type Failure struct {
	Count   int
	At      time.Time // of the last failure
	Reason  string    // as in container statuses: ErrImagePull, …
	Message string
	// Slow failures back off as restarts do; the others are tried again
	// sooner, since what they wait for is likely to come.
	Slow bool
}

// Next is when to try again; zero if nothing has failed.
func (f Failure) Next() time.Time {
	if f.Count == 0 {
		return time.Time{}
	}
	first, most := quickFirst, quickMost
	if f.Slow {
		first, most = backoffFirst, backoffMost
	}
	return f.At.Add(doubled(first, most, f.Count-1))
}

// Again is the failure after one more.
func (f Failure) Again(at time.Time, reason, message string, slow bool) Failure {
	return Failure{Count: f.Count + 1, At: at, Reason: reason, Message: message, Slow: slow}
}

// Probes is what the probes of one container say.
type Probes struct {
	Started *bool // nil: not heard of yet
	Ready   *bool
	// Kill: the liveness or startup probe has failed for good.
	Kill    bool
	Kind    string // of the probe that said Kill
	Message string
}

// Plan is what to do.
type Plan struct {
	Actions []Action
	// Wake is when to plan again even if nothing happens; zero: only then.
	Wake time.Time
	// Done: nothing runs and nothing is left; a deleted pod may leave the API.
	Done bool
	// Freeze: what the runtime has is being removed, so that the status
	// published last is the final one.
	Freeze bool
	// Blind: what the runtime has is not known well enough for a status.
	Blind bool

	now time.Time
}

// add plans an action unless its key is busy or still has to wait, and tells
// whether it has.
func (p *Plan) add(s *State, a Action) bool {
	key := a.Key()
	if _, busy := s.Busy[key]; busy {
		return false
	}
	// A container may have two reasons to be stopped, as another image and other resources.
	if slices.ContainsFunc(p.Actions, func(planned Action) bool { return planned.Key() == key }) {
		return false
	}
	if at := s.Failures[key].Next(); p.now.Before(at) {
		p.wake(at)
		return false
	}
	p.Actions = append(p.Actions, a)
	return true
}

func (p *Plan) wake(at time.Time) {
	if !at.IsZero() && (p.Wake.IsZero() || at.Before(p.Wake)) {
		p.Wake = at
	}
}

// Make decides what to do next.
func Make(s *State, now time.Time) Plan {
	p := Plan{now: now}
	if p.Blind = inspect(s, &p); p.Blind {
		return p
	}
	switch {
	case Deleted(s):
		stopAll(s, &p, true)
	case Terminal(s, now):
		stopAll(s, &p, false)
	default:
		if at := deadline(s.Pod, s.AdmittedAt); !at.IsZero() {
			p.wake(at)
		}
		run(s, &p)
		collect(s, &p)
	}
	return p
}

// inspect asks for the particulars of what a listing alone does not tell; until
// they are there nothing else is planned.
func inspect(s *State, p *Plan) (waiting bool) {
	for _, b := range s.Seen.Sandboxes {
		if !b.Inspected && b.Ready {
			p.add(s, InspectSandbox{ID: b.ID})
			waiting = true
		}
	}
	for _, c := range s.Seen.Containers {
		if !c.Inspected && (c.State == observed.Running || c.State == observed.Exited) {
			p.add(s, InspectContainer{ID: c.ID, Name: c.Name})
			waiting = true
		}
	}
	return waiting
}

// Deleted tells whether the pod has to go for good.
func Deleted(s *State) bool {
	return s.Gone || s.Pod == nil || s.Pod.GetMetadata().GetDeletionTimestamp() != nil
}
