package plan

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/observed"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// sim is a runtime and an actor in one, with a clock of its own: it carries out
// what is planned and checks that it may be.
type sim struct {
	s     State
	now   time.Time
	next  int
	trace []string
	fault string
	plan  Plan
	// fails says whether an action fails.
	fails func(Action) *Failure
	// lateStops leaves stops under way until end is called.
	lateStops bool
}

func newSim(pod *corev1.Pod) *sim {
	return &sim{now: epoch, s: State{
		Pod: pod, AdmittedAt: epoch, Published: pod.GetStatus(),
		Allocated: Adopt(pod), Applied: map[string]*corev1.ResourceRequirements{}, Resizing: map[string]bool{},
		Probes: map[string]Probes{}, PreStopRan: map[string]bool{}, Busy: map[string]Action{}, Failures: map[string]Failure{},
		Node: Node{HostIPs: []string{"192.0.2.1"}, Runtime: "sim"},
	}}
}

func (m *sim) broken(format string, args ...any) {
	if m.fault == "" {
		m.fault = fmt.Sprintf(format, args...)
	}
}

// pass plans once and notes what is planned as under way.
func (m *sim) pass() []Action {
	if m.s.StopSince.IsZero() && (Deleted(&m.s) || Terminal(&m.s, m.now)) {
		m.s.StopSince = m.now
	}
	m.plan = Make(&m.s, m.now)
	if st := Status(&m.s, m.now); st != nil && !m.plan.Blind && (!m.plan.Freeze || !m.s.Removed) {
		m.checkStatus(st)
		m.s.Published = st
	}
	for _, a := range m.plan.Actions {
		if c, stop := a.(StopContainer); stop && c.Resize {
			m.s.Resizing[c.ID] = true
		}
		if c, start := a.(StartContainer); start {
			if box := current(&m.s); box == nil || box.ID != c.SandboxID {
				m.broken("%s is to start in a sandbox that is not ready", c.Container.GetName())
			}
			m.checkOrder(c)
		}
		if _, busy := m.s.Busy[a.Key()]; busy {
			m.broken("planned %T for busy %s", a, a.Key())
		}
		m.s.Busy[a.Key()] = a
		m.trace = append(m.trace, describe(a))
	}
	return m.plan.Actions
}

func describe(a Action) string {
	switch a := a.(type) {
	case StartContainer:
		return fmt.Sprintf("start %s/%d", a.Container.GetName(), a.Attempt)
	case StopContainer:
		return "stop " + a.Name
	case ResizeContainer:
		return "resize " + a.Container.GetName()
	case RemoveContainer:
		return fmt.Sprintf("remove %s/%d", a.Name, a.Attempt)
	default:
		return fmt.Sprintf("%T", a)[len("plan."):]
	}
}

// settle runs until nothing more is planned, without letting time pass.
func (m *sim) settle() *sim {
	for range 500 {
		acts := m.pass()
		if len(acts) == 0 {
			return m
		}
		for _, a := range acts {
			if _, stop := a.(StopContainer); stop && m.lateStops {
				continue
			}
			m.end(a)
		}
	}
	m.broken("does not settle: %v", m.trace[max(0, len(m.trace)-12):])
	return m
}

// after lets time pass, then settles.
func (m *sim) after(d time.Duration) *sim {
	m.now = m.now.Add(d)
	return m.settle()
}

// end brings an action to its end.
func (m *sim) end(a Action) {
	delete(m.s.Busy, a.Key())
	m.next++
	if m.fails != nil {
		if f := m.fails(a); f != nil {
			m.s.Failures[a.Key()] = m.s.Failures[a.Key()].Again(m.now, f.Reason, f.Message, f.Slow)
			if c, start := a.(StartContainer); start && f.Slow { // between creation and start
				m.start(c)
				if n := len(m.s.Seen.Containers); n > 0 && m.s.Seen.Containers[n-1].Name == c.Container.GetName() && m.s.Seen.Containers[n-1].Attempt == c.Attempt {
					m.s.Seen.Containers[n-1].State = observed.Created
				}
			}
			return
		}
	}
	delete(m.s.Failures, a.Key())
	seen := &m.s.Seen
	switch a := a.(type) {
	case CreateSandbox:
		for _, b := range seen.Sandboxes {
			if b.Ready {
				m.broken("a sandbox is made beside a ready one")
			}
			if b.Attempt == a.Attempt {
				m.broken("sandbox attempt %d is made twice", a.Attempt)
			}
		}
		seen.Sandboxes = append(seen.Sandboxes, observed.Sandbox{ID: fmt.Sprint("box", m.next), Attempt: a.Attempt, Ready: true, Inspected: true, IPs: []string{fmt.Sprint("10.0.0.", m.next)}, CreatedAt: m.now})
	case StopSandbox:
		for i := range seen.Sandboxes {
			if seen.Sandboxes[i].ID == a.ID {
				seen.Sandboxes[i].Ready = false
			}
		}
		for _, c := range seen.Containers {
			if c.SandboxID == a.ID && c.State == observed.Running {
				m.broken("the sandbox of running %s is stopped", c.Name)
			}
		}
	case RemoveSandbox:
		var boxes []observed.Sandbox
		for _, b := range seen.Sandboxes {
			switch {
			case b.ID != a.ID:
				boxes = append(boxes, b)
			case b.Ready:
				m.broken("a ready sandbox is removed")
			}
		}
		var rest []observed.Container
		for _, c := range seen.Containers {
			if c.SandboxID != a.ID {
				rest = append(rest, c)
			}
		}
		seen.Sandboxes, seen.Containers = boxes, rest
	case MountVolumes:
		m.s.Mounted = true
	case UnmountVolumes:
		m.s.Mounted = false
	case StartContainer:
		m.start(a)
	case StopContainer:
		m.exit(a.Name, 137)
	case ResizeContainer:
		for _, c := range seen.Containers {
			if c.ID == a.ID && c.State == observed.Running {
				m.s.Applied[a.ID] = a.Container.GetResources()
			}
		}
	case RemoveContainer:
		var rest []observed.Container
		for _, c := range seen.Containers {
			switch {
			case c.ID != a.ID:
				rest = append(rest, c)
			case c.State == observed.Running:
				m.broken("running %s is removed", c.Name)
			}
		}
		seen.Containers = rest
	case RemoveDirectories:
		m.s.Removed, m.s.Mounted = true, false
	case InspectContainer:
		for i := range seen.Containers {
			if seen.Containers[i].ID == a.ID {
				seen.Containers[i].Inspected = true
			}
		}
	case InspectSandbox:
		for i := range seen.Sandboxes {
			if seen.Sandboxes[i].ID == a.ID {
				seen.Sandboxes[i].Inspected = true
			}
		}
	}
}

func (m *sim) start(a StartContainer) {
	box := false
	for _, b := range m.s.Seen.Sandboxes {
		box = box || b.ID == a.SandboxID && b.Ready
	}
	if !box { // it died meanwhile: the runtime refuses
		m.s.Failures[a.Key()] = m.s.Failures[a.Key()].Again(m.now, "CreateContainerError", "no sandbox", false)
		return
	}
	if !m.s.Mounted {
		m.broken("%s is started without volumes", a.Container.GetName())
	}
	for _, c := range m.s.Seen.Containers {
		if c.Name != a.Container.GetName() {
			continue
		}
		if c.State == observed.Running {
			m.broken("%s is started beside itself", c.Name)
		}
		if c.Attempt == a.Attempt {
			m.broken("attempt %d of %s is made twice", c.Attempt, c.Name)
		}
	}
	m.s.Seen.Containers = append(m.s.Seen.Containers, observed.Container{
		ID: fmt.Sprint("c", m.next), SandboxID: a.SandboxID, Name: a.Container.GetName(), Attempt: a.Attempt, State: observed.Running, Inspected: true,
		CreatedAt: m.now, StartedAt: m.now, Image: a.Container.GetImage(), ImageID: "id-" + a.Container.GetImage(),
		Annotations: map[string]string{observed.AnnotationHash: Hash(a.Container), observed.AnnotationResources: MadeWith(a.Container), observed.AnnotationBackoff: fmt.Sprint(int64(a.Backoff / time.Second))},
	})
}

// checkOrder fails if a container starts before an init container it has to wait
// for has had its turn in the same sandbox.
func (m *sim) checkOrder(a StartContainer) {
	if e := ephemeral(m.s.Pod, a.Container.GetName()); e != nil {
		if a.Attempt != 0 {
			m.broken("%s is started again", a.Container.GetName())
		}
		if last := latest(&m.s, e.GetTargetContainerName(), a.SandboxID); a.Target != "" && (last == nil || last.State != observed.Running) {
			m.broken("%s is started though its target does not run", a.Container.GetName())
		}
		return
	}
	initialized := false
	for _, c := range m.s.Seen.Containers {
		initialized = initialized || c.SandboxID == a.SandboxID && !isInit(m.s.Pod, &corev1.Container{Name: c.Name}) && ephemeral(m.s.Pod, c.Name) == nil
	}
	for _, c := range m.s.Pod.GetSpec().GetContainers() {
		initialized = initialized || m.s.starting(c.GetName())
	}
	if initialized {
		return
	}
	for _, i := range m.s.Pod.GetSpec().GetInitContainers() {
		if i.GetName() == a.Container.GetName() {
			return
		}
		last := latest(&m.s, i.GetName(), a.SandboxID)
		switch {
		case last == nil:
			m.broken("%s starts before %s", a.Container.GetName(), i.GetName())
		case sidecar(i) && last.State != observed.Running:
			m.broken("%s starts while sidecar %s does not run", a.Container.GetName(), i.GetName())
		case !sidecar(i) && (last.State != observed.Exited || last.ExitCode != 0):
			m.broken("%s starts though %s has not succeeded", a.Container.GetName(), i.GetName())
		}
	}
}

// busy are the actions under way, in the order of their keys.
func (m *sim) busy() []Action {
	var out []Action
	for _, k := range slices.Sorted(maps.Keys(m.s.Busy)) {
		out = append(out, m.s.Busy[k])
	}
	return out
}

// exit makes a running container end.
func (m *sim) exit(name string, code int32) *sim {
	for i := range m.s.Seen.Containers {
		if c := &m.s.Seen.Containers[i]; c.Name == name && alive(c.State) {
			c.State, c.ExitCode, c.FinishedAt, c.Inspected = observed.Exited, code, m.now, true
		}
	}
	return m
}

// die makes the sandbox and all in it end, as a reboot does.
func (m *sim) die() *sim {
	for i := range m.s.Seen.Sandboxes {
		m.s.Seen.Sandboxes[i].Ready = false
	}
	for _, c := range m.s.Seen.Containers {
		m.exit(c.Name, 255)
	}
	return m
}

func (m *sim) delete(grace int64) *sim {
	p := m.s.Pod
	meta := &metav1.ObjectMeta{Name: p.Metadata.Name, Namespace: p.Metadata.Namespace, Uid: p.Metadata.Uid, DeletionTimestamp: stamp(m.now), DeletionGracePeriodSeconds: &grace}
	m.s.Pod = &corev1.Pod{Metadata: meta, Spec: p.Spec, Status: p.Status}
	return m
}

// checkStatus holds a status to what is always true of one.
func (m *sim) checkStatus(st *corev1.PodStatus) {
	old := m.s.Published.GetPhase()
	if (old == PhaseSucceeded || old == PhaseFailed) && st.GetPhase() != old {
		m.broken("phase %s becomes %s", old, st.GetPhase())
	}
	if old == PhaseRunning && st.GetPhase() == PhasePending {
		m.broken("a running pod becomes pending")
	}
	ready := map[string]string{}
	for _, c := range st.GetConditions() {
		ready[c.GetType()] = c.GetStatus()
	}
	if ready[condReady] == "True" && ready[condContainers] != "True" {
		m.broken("ready without its containers")
	}
	for _, c := range slices.Concat(st.GetInitContainerStatuses(), st.GetContainerStatuses(), st.GetEphemeralContainerStatuses()) {
		n := 0
		if c.GetState().GetRunning() != nil {
			n++
		}
		if c.GetState().GetWaiting() != nil {
			n++
		}
		if c.GetState().GetTerminated() != nil {
			n++
		}
		if n != 1 {
			m.broken("%s has %d states", c.GetName(), n)
		}
		if prior := published(&m.s, c.GetName()); prior.GetRestartCount() > c.GetRestartCount() {
			m.broken("the restart count of %s goes from %d to %d", c.GetName(), prior.GetRestartCount(), c.GetRestartCount())
		}
	}
}

func (m *sim) status(name string) *corev1.ContainerStatus { return published(&m.s, name) }

func (m *sim) runs(name string) bool { return m.status(name).GetState().GetRunning() != nil }
