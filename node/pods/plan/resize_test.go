package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// sized is a container that asks for that much, with limits of the same.
func sized(c *corev1.Container, cpu, memory string) *corev1.Container {
	list := func() map[string]*metav1.Quantity {
		return map[string]*metav1.Quantity{"cpu": {String_: cpu}, "memory": {String_: memory}}
	}
	c.Resources = &corev1.ResourceRequirements{Requests: list(), Limits: list()}
	return c
}

func restartFor(resources ...string) []*corev1.ContainerResizePolicy {
	var out []*corev1.ContainerResizePolicy
	for _, name := range resources {
		out = append(out, &corev1.ContainerResizePolicy{ResourceName: name, RestartPolicy: "RestartContainer"})
	}
	return out
}

// resizeTo gives container a of the pod other resources, as the API does; granted says whether the node has room.
func (m *sim) resizeTo(cpu, memory string, granted bool) *sim {
	p := m.s.Pod
	c := sized(container("a"), cpu, memory)
	c.ResizePolicy = p.Spec.Containers[0].ResizePolicy
	m.s.Pod = podOf(p.Spec.RestartPolicy, p.Spec.InitContainers, append([]*corev1.Container{c}, p.Spec.Containers[1:]...))
	if m.s.Refused = nil; granted {
		m.s.Allocated = Wanted(m.s.Pod)
	} else {
		m.s.Refused = &Refusal{Reason: Deferred, Message: "no room"}
	}
	m.trace = nil
	return m
}

// restartAgent loses what an agent only remembers.
func (m *sim) restartAgent() *sim {
	m.s.Busy, m.s.Failures, m.s.Applied, m.s.Resizing = map[string]Action{}, map[string]Failure{}, map[string]*corev1.ResourceRequirements{}, map[string]bool{}
	m.s.Pod = &corev1.Pod{Metadata: m.s.Pod.Metadata, Spec: m.s.Pod.Spec, Status: m.s.Published}
	m.s.Allocated = Adopt(m.s.Pod)
	m.s.Refused = Refused(m.s.Published)
	m.trace = nil
	return m
}

func sizedPod(policy string, restart ...string) *corev1.Pod {
	a := sized(container("a"), "1", "64Mi")
	a.ResizePolicy = restartFor(restart...)
	return podOf(policy, nil, []*corev1.Container{a, container("b")})
}

func TestResize(t *testing.T) {
	has := func(t *testing.T, m *sim, allocated, inForce, pending, progress string) {
		t.Helper()
		st := m.status("a")
		got := []string{amount(st.GetAllocatedResources(), "cpu"), amount(st.GetResources().GetLimits(), "cpu"),
			condition(m.s.Published, condResizePending).GetReason(), condition(m.s.Published, condResizeInProgress).GetStatus() + condition(m.s.Published, condResizeInProgress).GetReason()}
		if want := []string{allocated, inForce, pending, progress}; !slices.Equal(got, want) {
			t.Errorf("allocated, in force, pending, in progress: %v, not %v", got, want)
		}
		if m.fault != "" {
			t.Error(m.fault)
		}
	}
	did := func(t *testing.T, m *sim, want string) {
		t.Helper()
		if got := strings.Join(m.trace, ", "); got != want {
			t.Errorf("did %q, not %q", got, want)
		}
	}
	t.Run("in place", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.resizeTo("2", "64Mi", true).pass()
		has(t, m, "2", "1", "", "True")
		m.end(m.s.Busy[keyResize+"c"+strings.TrimPrefix(m.status("a").GetContainerId(), "sim://c")])
		m.settle()
		did(t, m, "resize a")
		has(t, m, "2", "2", "", "")
		if n := m.status("a").GetRestartCount(); n != 0 {
			t.Errorf("restarted %d times", n)
		}
		m.restartAgent().settle()
		did(t, m, "")
		has(t, m, "2", "2", "", "")
	})
	t.Run("no room", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.resizeTo("2", "64Mi", false).settle()
		did(t, m, "")
		has(t, m, "1", "1", Deferred, "")
		m.restartAgent().settle()
		did(t, m, "")
		has(t, m, "1", "1", Deferred, "")
		m.exit("a", 1).settle() // what starts meanwhile starts with what is set aside
		has(t, m, "1", "1", Deferred, "")
		m.s.Refused, m.s.Allocated = nil, Wanted(m.s.Pod)
		m.trace = nil
		m.settle()
		did(t, m, "resize a")
		has(t, m, "2", "2", "", "")
	})
	t.Run("by a restart", func(t *testing.T) {
		for _, policy := range []string{policyAlways, policyOnFailure} {
			m := newSim(sizedPod(policy, "memory")).settle()
			m.resizeTo("2", "64Mi", true).settle()
			did(t, m, "resize a")
			m.resizeTo("3", "65Mi", true)
			m.lateStops = true
			m.settle()
			has(t, m, "3", "2", "", "True")
			m.lateStops = false
			stop := m.busy()[0].(StopContainer)
			delete(m.s.Busy, stop.Key())
			m.exit("a", 0).settle() // it ends well, and is started again all the same, without a wait
			did(t, m, "stop a, start a/1")
			has(t, m, "3", "3", "", "")
		}
	})
	t.Run("started meanwhile", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.exit("a", 1)
		m.resizeTo("2", "64Mi", true).settle()
		did(t, m, "start a/1")
		has(t, m, "2", "2", "", "")
	})
	t.Run("failing", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.fails = func(a Action) *Failure {
			if _, resize := a.(ResizeContainer); resize {
				return &Failure{Reason: "ResizeError", Message: "device or resource busy"}
			}
			return nil
		}
		m.resizeTo("2", "64Mi", true).settle()
		has(t, m, "2", "1", "", "TrueError")
		if text := condition(m.s.Published, condResizeInProgress).GetMessage(); text != "container a: device or resource busy" {
			t.Errorf("says %q", text)
		}
		m.fails = nil
		m.settle()
		did(t, m, "resize a") // not at once
		m.after(quickFirst)
		did(t, m, "resize a, resize a")
		has(t, m, "2", "2", "", "")
	})
	t.Run("the agent ends before it tells", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.resizeTo("2", "64Mi", true).pass()
		m.restartAgent()
		m.s.Allocated = Wanted(m.s.Pod) // decided anew
		m.settle()
		did(t, m, "resize a")
		has(t, m, "2", "2", "", "")
	})
	t.Run("deleted", func(t *testing.T) {
		m := newSim(sizedPod(policyAlways)).settle()
		m.resizeTo("2", "64Mi", true).delete(1).settle()
		if slices.Contains(m.trace, "resize a") {
			t.Error("resized while it ends")
		}
		m.after(time.Minute)
		if !m.plan.Done || m.fault != "" {
			t.Errorf("not gone; %s", m.fault)
		}
	})
}

func TestResizeNews(t *testing.T) {
	with := func(kind, reason, message string) *corev1.PodStatus {
		return &corev1.PodStatus{Phase: PhaseRunning, Conditions: []*corev1.PodCondition{{Type: kind, Status: "True", Reason: reason, Message: message}}}
	}
	none := &corev1.PodStatus{Phase: PhaseRunning}
	for _, c := range []struct {
		old, now *corev1.PodStatus
		want     string
	}{
		{none, none, ""},
		{none, with(condResizePending, Infeasible, "x"), "ResizeInfeasible"},
		{with(condResizePending, Infeasible, "x"), with(condResizePending, Infeasible, "x"), ""},
		{with(condResizePending, Deferred, "x"), with(condResizeInProgress, "", ""), "ResizeStarted"},
		{with(condResizeInProgress, "", ""), with(condResizeInProgress, "Error", "x"), "ResizeError"},
		{with(condResizeInProgress, "", ""), none, "ResizeCompleted"},
	} {
		if reason, _, _ := ResizeNews(c.old, c.now); reason != c.want {
			t.Errorf("%v to %v: %q, not %q", c.old, c.now, reason, c.want)
		}
	}
}

// TestTwoReasonsStopOnce: a container that is to be restarted for another image and for a resize is stopped once.
func TestTwoReasonsStopOnce(t *testing.T) {
	c := sized(container("m0"), "1", "64Mi")
	c.ResizePolicy = restartFor("cpu")
	m := newSim(podOf(policyAlways, nil, []*corev1.Container{c}))
	m.s.Allocated = Wanted(m.s.Pod)
	m.settle()
	next := sized(&corev1.Container{Name: c.Name, Image: c.Image + "x", ResizePolicy: restartFor("cpu")}, "2", "64Mi")
	m.s.Pod = podOf(policyAlways, nil, []*corev1.Container{next})
	m.s.Allocated = Wanted(m.s.Pod)
	m.pass()
	stops := 0
	for _, a := range m.plan.Actions {
		if _, ok := a.(StopContainer); ok {
			stops++
		}
	}
	if stops != 1 || m.fault != "" {
		t.Errorf("%d stops; %s", stops, m.fault)
	}
}
