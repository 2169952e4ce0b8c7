package pods

import (
	"context"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/pods/plan"
)

// hold enters what the pod has into the ledger: what is set aside, or what runs while that is less.
func (a *actor) hold() {
	s := &a.state
	if s.Pod == nil {
		return
	}
	has, err := s.Allocated.Requests(s.Pod)
	if err != nil { // such a pod does not start either
		has = containerconfig.Amounts{}
	}
	if s.Refused == nil && s.Releasing != nil {
		has = most(has, s.Releasing)
	}
	a.m.ledger.hold(a.uid, has)
}

// allocate asks for what the spec wants where that is not what is set aside, and tells when to ask again.
func (a *actor) allocate(now time.Time) (again time.Time) {
	s := &a.state
	if s.Pod == nil || plan.Deleted(s) || plan.Terminal(s, now) {
		s.Refused = nil
		if ph := s.Published.GetPhase(); ph == plan.PhaseSucceeded || ph == plan.PhaseFailed {
			a.m.ledger.hold(a.uid, containerconfig.Amounts{}) // it has ended: others may have it
		}
		return time.Time{}
	}
	wanted := plan.Wanted(s.Pod)
	if s.Allocated.Same(wanted) {
		s.Refused = nil
		s.Allocated = wanted
		if s.Releasing != nil && plan.Settled(s) {
			s.Releasing = nil
			a.hold()
		}
		return time.Time{}
	}
	from, errFrom := s.Allocated.Requests(s.Pod)
	to, errTo := wanted.Requests(s.Pod)
	if errFrom != nil || errTo != nil { // the API lets no such spec in
		a.log.Error("the resources of a pod cannot be read", "before", errFrom, "after", errTo)
		return time.Time{}
	}
	if s.Releasing != nil {
		from = most(from, s.Releasing)
	}
	refusal, ok := a.m.ledger.ask(a.uid, from, to)
	if !ok {
		if refusal != nil {
			s.Refused = refusal
		}
		return now.Add(plan.RetryResize)
	}
	s.Refused, s.Allocated, s.Releasing = nil, wanted, most(from, to)
	return time.Time{}
}

// resizeContainer changes what a container runs with.
func (a *actor) resizeContainer(ctx context.Context, pod *corev1.Pod, act plan.ResizeContainer) outcome {
	r, err := a.m.cfg.Containers.Update(pod, act.Container)
	if err != nil {
		return outcome{err: err}
	}
	if err := a.m.cfg.Runtime.UpdateContainer(ctx, act.ID, &r); err != nil {
		return outcome{err: &failure{reason: "ResizeError", message: cri.Message(err), cause: err}}
	}
	return outcome{apply: func(a *actor) { a.state.Applied[act.ID] = act.Container.GetResources() }}
}
