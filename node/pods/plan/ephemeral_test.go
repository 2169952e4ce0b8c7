package plan

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func ephemeralOf(name, target string) *corev1.EphemeralContainer {
	return &corev1.EphemeralContainer{
		EphemeralContainerCommon: &corev1.EphemeralContainerCommon{Name: name, Image: "image/" + name}, TargetContainerName: target,
	}
}

// debug adds an ephemeral container to the pod.
func (m *sim) debug(name, target string) *sim {
	p := proto.CloneOf(m.s.Pod)
	p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, ephemeralOf(name, target))
	m.s.Pod = p
	return m
}

func TestEphemeralContainersRunOnce(t *testing.T) {
	m := newSim(one(policyAlways)).settle().debug("e", "a").settle()
	m.check(t)
	if !m.runs("e") || m.status("e").GetReady() || m.s.Published.GetPhase() != PhaseRunning || m.condition("Ready") != "True" {
		t.Fatalf("%v", m.s.Published)
	}
	at := slices.IndexFunc(m.plan.Actions, func(Action) bool { return true })
	if at >= 0 {
		t.Errorf("not at rest: %v", m.plan.Actions)
	}
	// Whatever its end, and however long ago: it is not started again, and the pod does not mind.
	m.exit("e", 1).settle().after(time.Hour)
	m.check(t)
	if c := m.status("e"); c.GetState().GetTerminated().GetExitCode() != 1 || c.GetRestartCount() != 0 {
		t.Errorf("%v", c)
	}
	if m.s.Published.GetPhase() != PhaseRunning || m.condition("Ready") != "True" {
		t.Errorf("%v", m.s.Published)
	}
	// Nor when the runtime has forgotten it, nor in another sandbox.
	rest := m.s.Seen.Containers[:0]
	for _, c := range m.s.Seen.Containers {
		if c.Name != "e" {
			rest = append(rest, c)
		}
	}
	m.s.Seen.Containers = rest
	m.settle().die().settle().after(time.Hour)
	m.check(t)
	if c := m.status("e"); c.GetState().GetTerminated().GetExitCode() != 1 {
		t.Errorf("forgotten: %v", c)
	}
	if !m.runs("a") {
		t.Errorf("%v", m.s.Published)
	}
	if n := len(slices.DeleteFunc(slices.Clone(m.trace), func(s string) bool { return s != "start e/0" })); n != 1 {
		t.Errorf("started %d times: %v", n, m.trace)
	}
}

func TestEphemeralContainersWaitForTheirTargetAlone(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{container("i")}, []*corev1.Container{container("a")})).settle()
	m.debug("free", "").debug("held", "a").debug("of-init", "i").settle()
	m.check(t)
	if !m.runs("free") || !m.runs("of-init") || m.runs("held") || m.runs("a") {
		t.Fatalf("%v", m.s.Published)
	}
	if w := m.status("held").GetState().GetWaiting(); w.GetReason() != "ContainerCreating" || w.GetMessage() == "" {
		t.Errorf("it does not say what it waits for: %v", w)
	}
	m.exit("i", 0).settle()
	m.check(t)
	if !m.runs("a") || !m.runs("held") {
		t.Errorf("%v", m.s.Published)
	}
	// They end with the pod.
	m.delete(5).settle()
	m.check(t)
	if !m.plan.Done {
		t.Errorf("left: %v", m.s.Seen)
	}
}

func TestEphemeralContainersKeepNoPodAlive(t *testing.T) {
	m := newSim(one(policyNever)).settle().debug("e", "").settle().exit("a", 0).settle()
	m.check(t)
	if m.s.Published.GetPhase() != PhaseSucceeded || m.runs("e") {
		t.Errorf("%v", m.s.Published)
	}
}
