package pods

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"k8s.io/utils/clock"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/volumes"
)

// mailboxSize bounds what may wait for an actor, which never waits for anything
// but its mailbox.
const mailboxSize = 64

// actor runs one pod. All of its fields but mail, done and view belong to its own
// goroutine; operations run in goroutines of their own and report by mail.
type actor struct {
	m    *Manager
	uid  string
	log  hclog.Logger
	mail chan func(*actor)
	done chan struct{}
	ops  sync.WaitGroup

	state   plan.State
	volumes map[string]volumes.Volume
	cancels map[string]context.CancelFunc // of operations that may be given up
	lastOp  time.Time                     // when an operation last ended
	refresh time.Time                     // when volumes are next brought up to date
	frozen  bool                          // the final status is out
	told    bool                          // Sink.Finished was called
	over    bool                          // nothing left to do: end
	watched map[string]string             // names and ids of the containers handed to the probes
	ending  bool                          // the probes know that the pod ends
	offer   bool                          // the status goes to the Sink even if it is not new

	// view is what others may read.
	mu   sync.Mutex
	view Snapshot
	word string
}

func newActor(m *Manager, uid string, pod *corev1.Pod) *actor {
	a := &actor{
		m: m, uid: uid, mail: make(chan func(*actor), mailboxSize), done: make(chan struct{}),
		cancels: map[string]context.CancelFunc{}, watched: map[string]string{},
		state: plan.State{
			Pod: pod, Seen: clone(m.cfg.Lister.Latest(uid)), Node: m.cfg.Node,
			Probes: map[string]plan.Probes{}, PreStopRan: map[string]bool{},
			Applied: map[string]*corev1.ResourceRequirements{}, Resizing: map[string]bool{},
			Busy: map[string]plan.Action{}, Failures: map[string]plan.Failure{},
			Published: pod.GetStatus(),
		},
	}
	a.log = m.cfg.Log.With("pod", uid)
	if pod != nil {
		a.log = m.cfg.Log.With("namespace", pod.GetMetadata().GetNamespace(), "pod", pod.GetMetadata().GetName())
		a.state.AdmittedAt = m.cfg.Clock.Now()
		if at := pod.GetStatus().GetStartTime(); at != nil {
			a.state.AdmittedAt = at.AsTime()
		}
		a.adoptProbes()
		a.state.Allocated, a.state.Refused = plan.Adopt(pod), plan.Refused(pod.GetStatus())
		a.hold()
	}
	a.view = Snapshot{Pod: pod, Status: pod.GetStatus(), Seen: clone(a.state.Seen)}
	return a
}

// clone is a copy that the actor may write to.
func clone(p observed.Pod) observed.Pod {
	p.Sandboxes, p.Containers = slices.Clone(p.Sandboxes), slices.Clone(p.Containers)
	return p
}

// adoptProbes takes over what an earlier agent knew of containers that still run,
// so that its end makes no container unready.
func (a *actor) adoptProbes() {
	st := a.state.Published
	for _, c := range slices.Concat(st.GetInitContainerStatuses(), st.GetContainerStatuses()) {
		for _, have := range a.state.Seen.Containers {
			if c.GetContainerId() == a.state.Node.Runtime+"://"+have.ID {
				started, ready := c.GetStarted(), c.GetReady()
				a.state.Probes[have.ID] = plan.Probes{Started: &started, Ready: &ready}
			}
		}
	}
}

// post puts a message into the mailbox. It waits while the mailbox is full, which
// the actor empties without waiting for anybody.
func (a *actor) post(f func(*actor)) {
	select {
	case a.mail <- f:
	case <-a.done:
	}
}

func (a *actor) run() {
	defer func() {
		if a.over {
			a.m.ledger.release(a.uid)
		}
		a.m.cfg.Probes.StopPod(a.uid)
		for _, cancel := range a.cancels {
			cancel()
		}
		close(a.done)
		a.ops.Wait()
	}()
	var timer clock.Timer
	var fired <-chan time.Time
	for {
		wake := a.step()
		if a.over {
			return
		}
		if timer != nil {
			timer.Stop()
			timer, fired = nil, nil
		}
		if !wake.IsZero() {
			timer = a.m.cfg.Clock.NewTimer(max(0, wake.Sub(a.m.cfg.Clock.Now())))
			fired = timer.C()
		}
		select {
		case f := <-a.mail:
			f(a)
		case <-fired:
		case <-a.m.life.Done():
			a.wind()
			return
		}
		for more := true; more; {
			select {
			case f := <-a.mail:
				f(a)
			default:
				more = false
			}
		}
	}
}

// wind lets the operations under way come to their end without beginning others.
func (a *actor) wind() {
	for _, cancel := range a.cancels {
		cancel()
	}
	idle := make(chan struct{})
	go func() { a.ops.Wait(); close(idle) }()
	for {
		select {
		case f := <-a.mail:
			f(a)
		case <-idle:
			return
		}
	}
}

// step plans and acts, and tells when to do so again at the latest.
func (a *actor) step() time.Time {
	s := &a.state
	now := a.m.cfg.Clock.Now()
	if s.StopSince.IsZero() && (plan.Deleted(s) || plan.Terminal(s, now)) {
		a.beginStop(now)
	}
	again := a.allocate(now)
	p := plan.Make(s, now)
	if !a.frozen && !p.Blind {
		a.publish(now)
		a.frozen = p.Freeze
	}
	for _, act := range p.Actions {
		a.begin(act)
	}
	a.updateProbes()
	if p.Done {
		a.finish()
	}
	a.look()
	wake := p.Wake
	if !again.IsZero() && (wake.IsZero() || again.Before(wake)) {
		wake = again
	}
	if s.Mounted && s.StopSince.IsZero() && a.m.cfg.Refresh > 0 && refreshable(s.Pod) {
		if !now.Before(a.refresh) {
			if !plan.Busy(s, plan.RefreshVolumes{}) {
				a.refresh = now.Add(a.m.cfg.Refresh)
				a.begin(plan.RefreshVolumes{})
			}
		}
		if now.Before(a.refresh) && (wake.IsZero() || a.refresh.Before(wake)) {
			wake = a.refresh
		}
	}
	return a.pullWake(wake, now)
}

// pullWake looks again when a failed pull shows as back-off.
func (a *actor) pullWake(wake, now time.Time) time.Time {
	for _, f := range a.state.Failures {
		if at := f.At.Add(plan.PullShown); now.Before(at) && (wake.IsZero() || at.Before(wake)) {
			wake = at
		}
	}
	return wake
}

// beginStop gives up what is being waited for on the way up.
func (a *actor) beginStop(now time.Time) {
	a.state.StopSince = now
	for _, cancel := range a.cancels {
		cancel()
	}
}

func (a *actor) finish() {
	if a.state.Gone || a.state.Pod == nil {
		a.over = true
		return
	}
	if !a.told {
		a.told = true
		a.m.cfg.Sink.Finished(a.state.Pod)
	}
}

func (a *actor) set(pod *corev1.Pod) {
	s := &a.state
	old := s.Pod
	s.Pod, s.Gone = pod, false
	if s.Allocated == nil {
		s.Allocated, s.Refused = plan.Adopt(pod), plan.Refused(pod.GetStatus())
		a.hold()
	}
	if s.AdmittedAt.IsZero() {
		s.AdmittedAt = a.m.cfg.Clock.Now()
	}
	if s.Published == nil {
		s.Published = pod.GetStatus()
	}
	if proto.Equal(old.GetSpec(), pod.GetSpec()) {
		s.Pod = withSpec(pod, old)
	} else if old != nil {
		// What failed may go well with another specification.
		for key, f := range s.Failures {
			f.At = time.Time{}
			s.Failures[key] = f
		}
	}
	if !maps.Equal(old.GetMetadata().GetLabels(), pod.GetMetadata().GetLabels()) ||
		!maps.Equal(old.GetMetadata().GetAnnotations(), pod.GetMetadata().GetAnnotations()) {
		// downwardAPI volumes show these.
		a.refresh = time.Time{}
	}
	a.hasten(old, pod)
	// Somebody else may have written the status: the Sink compares.
	a.offer = true
	if m, was := pod.GetMetadata(), old.GetMetadata(); !maps.Equal(m.GetLabels(), was.GetLabels()) || !maps.Equal(m.GetAnnotations(), was.GetAnnotations()) {
		a.refresh = time.Time{} // volumes may show them
	}
}

// withSpec keeps the old specification's pointer, so that containers keep theirs.
func withSpec(pod, old *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{Metadata: pod.GetMetadata(), Spec: old.GetSpec(), Status: pod.GetStatus()}
}

// hasten makes a stop under way look at its deadline anew when the grace period
// has been cut, or when a stop for another reason has become a deletion.
func (a *actor) hasten(old, now *corev1.Pod) {
	if now.GetMetadata().GetDeletionTimestamp() == nil {
		return
	}
	was, is := old.GetMetadata(), now.GetMetadata()
	if was.GetDeletionTimestamp() == nil || was.GetDeletionGracePeriodSeconds() > is.GetDeletionGracePeriodSeconds() {
		for _, cancel := range a.cancels {
			cancel()
		}
		if was.GetDeletionTimestamp() == nil {
			a.state.StopSince = time.Time{}
		}
	}
}

func (a *actor) gone() {
	a.state.Gone = true
	if a.state.StopSince.IsZero() {
		a.beginStop(a.m.cfg.Clock.Now())
	}
}

// seen takes a listing in, unless something ended since it was begun: then it may
// miss that, and another is asked for.
func (a *actor) seen(p observed.Pod, began time.Time) {
	if !began.After(a.lastOp) {
		a.m.cfg.Lister.Wake(a.uid)
		return
	}
	boxes := map[string]observed.Sandbox{}
	for _, b := range a.state.Seen.Sandboxes {
		boxes[b.ID] = b
	}
	containers := map[string]observed.Container{}
	for _, c := range a.state.Seen.Containers {
		containers[c.ID] = c
	}
	next := observed.Pod{UID: a.uid, Namespace: p.Namespace, Name: p.Name}
	for _, b := range p.Sandboxes {
		if have, ok := boxes[b.ID]; ok && have.Inspected && have.Ready == b.Ready {
			b = have
		}
		next.Sandboxes = append(next.Sandboxes, b)
	}
	for _, c := range p.Containers {
		if have, ok := containers[c.ID]; ok && have.Inspected && have.State == c.State {
			c = have
		}
		next.Containers = append(next.Containers, c)
	}
	a.state.Seen = next
}

// publish hands the status on if it says something new.
func (a *actor) publish(now time.Time) {
	st := plan.Status(&a.state, now)
	if st == nil || a.state.Gone {
		return
	}
	if proto.Equal(st, a.state.Published) && !a.offer {
		return
	}
	for _, n := range news(a.state.Pod, a.state.Published, st) {
		a.event(a.state.Pod, n.container, n.warning, n.reason, n.message)
	}
	a.state.Published, a.offer = st, false
	a.m.cfg.Sink.Status(a.state.Pod, st)
}

// look renews what others may read.
func (a *actor) look() {
	v := Snapshot{Pod: a.state.Pod, Status: a.state.Published, Seen: clone(a.state.Seen)}
	word := a.state.Published.GetPhase()
	switch {
	case a.state.Pod == nil:
		word = "Orphan"
	case plan.Deleted(&a.state):
		word = "Terminating"
	}
	a.mu.Lock()
	a.view, a.word = v, word
	a.mu.Unlock()
}

func (a *actor) snapshot() Snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view
}

func (a *actor) info() Info {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := Info{UID: a.uid, State: a.word, Namespace: a.view.Pod.GetMetadata().GetNamespace(), Name: a.view.Pod.GetMetadata().GetName()}
	for _, b := range a.view.Seen.Sandboxes {
		if b.Ready || i.SandboxID == "" {
			i.SandboxID = b.ID
		}
		if a.view.Pod == nil {
			i.Namespace, i.Name = b.PodNamespace, b.PodName
		}
	}
	return i
}

// podIPs are the addresses at which the pod's containers are reached.
func (a *actor) podIPs() []string {
	if a.state.Pod.GetSpec().GetHostNetwork() {
		return a.state.Node.HostIPs
	}
	for i := len(a.state.Seen.Sandboxes) - 1; i >= 0; i-- {
		if b := a.state.Seen.Sandboxes[i]; b.Ready && len(b.IPs) > 0 {
			return b.IPs
		}
	}
	return nil
}
