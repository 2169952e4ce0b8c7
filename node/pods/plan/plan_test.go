package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/observed"
)

func container(name string) *corev1.Container {
	return &corev1.Container{Name: name, Image: "image/" + name}
}

func sidecarOf(name string) *corev1.Container {
	always := policyAlways
	return &corev1.Container{Name: name, Image: "image/" + name, RestartPolicy: &always}
}

func podOf(policy string, init, main []*corev1.Container) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "p", Namespace: "default", Uid: "u"},
		Spec:     &corev1.PodSpec{RestartPolicy: policy, InitContainers: init, Containers: main},
	}
}

func one(policy string) *corev1.Pod { return podOf(policy, nil, []*corev1.Container{container("a")}) }

func (m *sim) check(t *testing.T) {
	t.Helper()
	if m.fault != "" {
		t.Fatalf("%s\n%s", m.fault, strings.Join(m.trace, "\n"))
	}
}

func (m *sim) condition(kind string) string { return condition(m.s.Published, kind).GetStatus() }

func TestPodComesUp(t *testing.T) {
	m := newSim(podOf(policyAlways, nil, []*corev1.Container{container("a"), container("b")})).settle()
	m.check(t)
	if want := []string{"MountVolumes", "CreateSandbox", "start a/0", "start b/0"}; !slices.Equal(m.trace, want) {
		t.Errorf("did %v, want %v", m.trace, want)
	}
	st := m.s.Published
	if st.GetPhase() != PhaseRunning || st.GetPodIp() == "" || st.GetHostIp() != "192.0.2.1" || m.condition("Ready") != "True" || m.condition("PodReadyToStartContainers") != "True" {
		t.Errorf("status %v", st)
	}
	if !m.plan.Wake.IsZero() {
		t.Errorf("a pod at rest is woken at %s", m.plan.Wake)
	}
}

func TestInitContainersRunInOrder(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{container("i1"), sidecarOf("s"), container("i2")}, []*corev1.Container{container("a")})).settle()
	if !m.runs("i1") || m.status("a").GetState().GetWaiting().GetReason() != "PodInitializing" || m.s.Published.GetPhase() != PhasePending {
		t.Fatalf("%v", m.s.Published)
	}
	if got := condition(m.s.Published, "Initialized"); got.GetStatus() != "False" || got.GetMessage() != "containers with incomplete status: [i1 s i2]" {
		t.Errorf("%v", got)
	}
	m.exit("i1", 0).settle()
	if !m.runs("s") || !m.runs("i2") || m.runs("a") {
		t.Fatalf("%v", m.s.Published)
	}
	m.exit("i2", 0).settle()
	m.check(t)
	if !m.runs("a") || m.condition("Initialized") != "True" || m.s.Published.GetPhase() != PhaseRunning {
		t.Errorf("%v", m.s.Published)
	}
	// A sidecar that ends is started again, and nothing else is.
	m.exit("s", 0).settle()
	m.check(t)
	if st := m.status("s"); !m.runs("s") || st.GetRestartCount() != 1 || m.status("a").GetRestartCount() != 0 || m.status("i1").GetRestartCount() != 0 {
		t.Errorf("%v", m.s.Published)
	}
}

func TestSidecarWithStartupProbeHoldsTheRest(t *testing.T) {
	s := sidecarOf("s")
	s.StartupProbe = &corev1.Probe{}
	m := newSim(podOf(policyAlways, []*corev1.Container{s}, []*corev1.Container{container("a")})).settle()
	if !m.runs("s") || m.runs("a") {
		t.Fatalf("%v", m.trace)
	}
	yes := true
	m.s.Probes[latest(&m.s, "s", "").ID] = Probes{Started: &yes}
	m.settle()
	m.check(t)
	if !m.runs("a") {
		t.Errorf("%v", m.trace)
	}
}

func TestInitContainerThatFails(t *testing.T) {
	for policy, want := range map[string]string{policyNever: PhaseFailed, policyOnFailure: PhasePending, policyAlways: PhasePending} {
		m := newSim(podOf(policy, []*corev1.Container{container("i")}, []*corev1.Container{container("a")})).settle()
		m.exit("i", 1).settle()
		m.check(t)
		if got := m.s.Published.GetPhase(); got != want {
			t.Errorf("%s: phase %s, want %s", policy, got, want)
		}
		if restarted := m.status("i").GetRestartCount() == 1; restarted != (policy != policyNever) {
			t.Errorf("%s: %v", policy, m.trace)
		}
		if m.runs("a") {
			t.Errorf("%s: the main container runs", policy)
		}
	}
}

func TestCrashBackoffDoublesAndResets(t *testing.T) {
	m := newSim(one(policyAlways)).settle()
	waits := []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 300 * time.Second, 300 * time.Second}
	for i, want := range waits {
		m.now = m.now.Add(time.Second)
		m.exit("a", 1).settle()
		if want > 0 {
			w := m.status("a").GetState().GetWaiting()
			if w.GetReason() != "CrashLoopBackOff" || !strings.HasPrefix(w.GetMessage(), "back-off "+want.String()+" restarting failed container=a pod=p_default(u)") {
				t.Fatalf("restart %d: %v", i, w)
			}
			if m.status("a").GetLastState().GetTerminated().GetExitCode() != 1 {
				t.Fatalf("restart %d: %v", i, m.status("a"))
			}
			if got := m.plan.Wake.Sub(m.now); got != want {
				t.Fatalf("restart %d after %s, want %s", i, got, want)
			}
			m.after(want - time.Nanosecond)
			if m.runs("a") {
				t.Fatalf("restart %d comes early", i)
			}
			m.after(time.Nanosecond)
		}
		m.check(t)
		if st := m.status("a"); !m.runs("a") || st.GetRestartCount() != int32(i+1) {
			t.Fatalf("restart %d: %v", i, st)
		}
	}
	m.now = m.now.Add(10 * time.Minute)
	m.exit("a", 1).settle()
	if !m.runs("a") {
		t.Error("a long run does not reset the back-off")
	}
	m.exit("a", 1).settle()
	if got := m.plan.Wake.Sub(m.now); got != 10*time.Second {
		t.Errorf("after the reset the wait is %s", got)
	}
}

func TestRestartPolicies(t *testing.T) {
	rule := container("a")
	rule.RestartPolicyRules = []*corev1.ContainerRestartRule{{Action: "Restart", ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: "In", Values: []int32{42}}}}
	for _, c := range []struct {
		name   string
		pod    *corev1.Pod
		code   int32
		phase  string
		again  bool
		reason string
	}{
		{"always restarts a success", one(policyAlways), 0, PhaseRunning, true, ""},
		{"on failure restarts a failure", one(policyOnFailure), 1, PhaseRunning, true, ""},
		{"on failure leaves a success", one(policyOnFailure), 0, PhaseSucceeded, false, "PodCompleted"},
		{"never leaves a failure", one(policyNever), 1, PhaseFailed, false, "PodFailed"},
		{"never leaves a success", one(policyNever), 0, PhaseSucceeded, false, "PodCompleted"},
		{"a rule overrides never", podOf(policyNever, nil, []*corev1.Container{rule}), 42, PhaseRunning, true, ""},
		{"a rule that does not match", podOf(policyNever, nil, []*corev1.Container{rule}), 41, PhaseFailed, false, "PodFailed"},
	} {
		m := newSim(c.pod).settle()
		m.exit("a", c.code).settle()
		m.check(t)
		if got := m.s.Published.GetPhase(); got != c.phase {
			t.Errorf("%s: phase %s", c.name, got)
		}
		if m.runs("a") != c.again {
			t.Errorf("%s: runs again: %v", c.name, m.runs("a"))
		}
		if got := condition(m.s.Published, "Ready").GetReason(); got != c.reason {
			t.Errorf("%s: ready: %q", c.name, got)
		}
	}
}

func TestFinishedPodGivesItsSandboxBackAndKeepsItsContainers(t *testing.T) {
	m := newSim(one(policyNever)).settle()
	ip := m.s.Published.GetPodIp()
	m.exit("a", 0).settle()
	m.check(t)
	if m.s.Seen.Sandboxes[0].Ready || m.s.Mounted || len(m.s.Seen.Containers) != 1 || m.plan.Done {
		t.Errorf("%v", m.s.Seen)
	}
	if m.s.Published.GetPodIp() != ip || ip == "" {
		t.Errorf("the address goes from %q to %q", ip, m.s.Published.GetPodIp())
	}
	m.delete(0).settle()
	m.check(t)
	if !m.plan.Done || !m.s.Removed || m.s.Published.GetPhase() != PhaseSucceeded {
		t.Errorf("%v %v", m.plan, m.s.Published)
	}
}

func TestSidecarsDoNotKeepAPodFromEnding(t *testing.T) {
	m := newSim(podOf(policyNever, []*corev1.Container{sidecarOf("s1"), sidecarOf("s2")}, []*corev1.Container{container("a")})).settle()
	m.trace = nil
	m.exit("a", 0).settle()
	m.check(t)
	if m.s.Published.GetPhase() != PhaseSucceeded {
		t.Errorf("%v", m.s.Published)
	}
	if want := []string{"stop s2", "stop s1", "StopSandbox", "UnmountVolumes"}; !slices.Equal(m.trace, want) {
		t.Errorf("did %v, want %v", m.trace, want)
	}
}

func TestDeletionStopsInOrder(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{sidecarOf("s1"), sidecarOf("s2")}, []*corev1.Container{container("a"), container("b")})).settle()
	m.trace = nil
	m.lateStops = true
	m.delete(30).settle()
	if want := []string{"stop a", "stop b"}; !slices.Equal(m.trace, want) {
		t.Fatalf("did %v, want %v", m.trace, want)
	}
	if stop := m.s.Busy["stop/"+latest(&m.s, "a", "").ID].(StopContainer); !stop.Deadline.Equal(m.now.Add(30*time.Second)) || stop.Least != leastGrace {
		t.Errorf("%+v", stop)
	}
	if m.s.Published.GetPhase() != PhaseRunning {
		t.Errorf("phase %s while stopping", m.s.Published.GetPhase())
	}
	for _, c := range []string{"a", "b"} {
		m.end(m.s.Busy["stop/"+latest(&m.s, c, "").ID])
	}
	m.settle()
	if got := m.trace[len(m.trace)-1]; got != "stop s2" {
		t.Fatalf("%v", m.trace)
	}
	m.lateStops = false
	m.end(m.s.Busy["stop/"+latest(&m.s, "s2", "").ID])
	m.settle()
	m.check(t)
	if want := []string{"stop a", "stop b", "stop s2", "stop s1", "StopSandbox", "RemoveSandbox", "RemoveDirectories"}; !slices.Equal(m.trace, want) {
		t.Errorf("did %v, want %v", m.trace, want)
	}
	if !m.plan.Done || len(m.s.Seen.Containers)+len(m.s.Seen.Sandboxes) > 0 {
		t.Errorf("left: %v", m.s.Seen)
	}
	if m.s.Published.GetPhase() != PhaseFailed {
		t.Errorf("phase %s", m.s.Published.GetPhase())
	}
}

func TestSidecarsAreToldToEndAtTheDeadline(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{sidecarOf("s")}, []*corev1.Container{container("a")})).settle()
	m.lateStops = true
	m.delete(30).settle()
	if m.plan.Wake != m.now.Add(30*time.Second) {
		t.Fatalf("woken at %s", m.plan.Wake)
	}
	m.after(30 * time.Second)
	m.check(t)
	if got := m.trace[len(m.trace)-1]; got != "stop s" {
		t.Errorf("%v", m.trace)
	}
}

func TestNewImageRestartsOnlyThatContainer(t *testing.T) {
	for _, policy := range []string{policyAlways, policyNever} {
		m := newSim(podOf(policy, nil, []*corev1.Container{container("a"), container("b")})).settle()
		m.trace = nil
		next := podOf(policy, nil, []*corev1.Container{{Name: "a", Image: "image/new"}, container("b")})
		m.s.Pod = next
		m.settle()
		m.check(t)
		if want := []string{"stop a", "start a/1"}; !slices.Equal(m.trace, want) {
			t.Errorf("%s: did %v, want %v", policy, m.trace, want)
		}
		if m.status("a").GetRestartCount() != 1 || m.status("b").GetRestartCount() != 0 || !m.runs("a") {
			t.Errorf("%s: %v", policy, m.s.Published)
		}
	}
}

func TestLivenessRestarts(t *testing.T) {
	c := container("a")
	own := int64(3)
	c.LivenessProbe = &corev1.Probe{TerminationGracePeriodSeconds: &own}
	m := newSim(podOf(policyAlways, nil, []*corev1.Container{c})).settle()
	m.s.Probes[latest(&m.s, "a", "").ID] = Probes{Kill: true, Kind: "liveness"}
	acts := m.pass()
	if len(acts) != 1 {
		t.Fatalf("%v", acts)
	}
	stop := acts[0].(StopContainer)
	if !stop.PreStop || !stop.Deadline.Equal(m.now.Add(3*time.Second)) || stop.Message != "Container a failed liveness probe, will be restarted" {
		t.Errorf("%+v", stop)
	}
	m.end(stop)
	m.settle()
	m.check(t)
	if !m.runs("a") || m.status("a").GetRestartCount() != 1 {
		t.Errorf("%v", m.status("a"))
	}
}

func TestReadiness(t *testing.T) {
	c := container("a")
	c.ReadinessProbe = &corev1.Probe{}
	p := podOf(policyAlways, nil, []*corev1.Container{c, container("b")})
	p.Spec.ReadinessGates = []*corev1.PodReadinessGate{{ConditionType: "gate"}}
	m := newSim(p).settle()
	if got := condition(m.s.Published, "Ready"); got.GetStatus() != "False" || got.GetMessage() != "containers with unready status: [a]" || got.GetReason() != "ContainersNotReady" {
		t.Errorf("%v", got)
	}
	yes := true
	m.s.Probes[latest(&m.s, "a", "").ID] = Probes{Ready: &yes}
	m.settle()
	if got := condition(m.s.Published, "Ready"); got.GetReason() != "ReadinessGatesNotReady" || m.condition("ContainersReady") != "True" {
		t.Errorf("%v", got)
	}
	m.s.Pod.Status = &corev1.PodStatus{Conditions: []*corev1.PodCondition{{Type: "gate", Status: "True"}}}
	m.settle()
	m.check(t)
	if m.condition("Ready") != "True" || m.condition("gate") != "True" {
		t.Errorf("%v", m.s.Published.GetConditions())
	}
}

func TestFailuresShowAndAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		reason, first, later string
		slow                 bool
		wait                 time.Duration
	}{
		{"ErrImagePull", "ErrImagePull", "ImagePullBackOff", true, 10 * time.Second},
		{"InvalidImageName", "InvalidImageName", "InvalidImageName", true, 10 * time.Second},
		{"CreateContainerConfigError", "CreateContainerConfigError", "CreateContainerConfigError", false, time.Second},
	} {
		m := newSim(one(policyAlways))
		bad := true
		m.fails = func(a Action) *Failure {
			if _, start := a.(StartContainer); start && bad {
				return &Failure{Reason: c.reason, Message: "why", Slow: c.slow}
			}
			return nil
		}
		m.settle()
		if got := m.status("a").GetState().GetWaiting(); got.GetReason() != c.first || got.GetMessage() != "why" {
			t.Errorf("%s: %v", c.reason, got)
		}
		if got := m.plan.Wake.Sub(m.now); got != c.wait {
			t.Errorf("%s: tried again after %s", c.reason, got)
		}
		if c.slow {
			m.after(PullShown)
			if got := m.status("a").GetState().GetWaiting().GetReason(); got != c.later {
				t.Errorf("%s: later %s", c.reason, got)
			}
		}
		bad = false
		m.after(c.wait)
		m.check(t)
		if !m.runs("a") {
			t.Errorf("%s: not tried again: %v", c.reason, m.trace)
		}
	}
}

func TestDeadline(t *testing.T) {
	p := one(policyAlways)
	limit := int64(60)
	p.Spec.ActiveDeadlineSeconds = &limit
	m := newSim(p).settle()
	if m.plan.Wake != epoch.Add(time.Minute) {
		t.Fatalf("woken at %s", m.plan.Wake)
	}
	m.lateStops = true
	m.after(time.Minute)
	if st := m.s.Published; st.GetPhase() != PhaseRunning {
		t.Errorf("phase %s while its container ends", st.GetPhase())
	}
	m.lateStops = false
	m.end(m.busy()[0])
	m.settle()
	m.check(t)
	if st := m.s.Published; st.GetPhase() != PhaseFailed || st.GetReason() != "DeadlineExceeded" || m.status("a").GetState().GetTerminated() == nil {
		t.Errorf("%v", st)
	}
}

func TestSandboxThatDiesIsMadeAnew(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{container("i")}, []*corev1.Container{container("a")})).settle()
	m.exit("i", 0).settle()
	m.trace = nil
	m.die().settle()
	if want := []string{"CreateSandbox", "start i/1"}; !slices.Equal(m.trace, want) {
		t.Fatalf("did %v, want %v", m.trace, want)
	}
	m.exit("i", 0).settle()
	m.check(t)
	if !m.runs("a") || m.status("a").GetRestartCount() != 1 {
		t.Errorf("%v\n%v", m.trace, m.s.Published)
	}
}

func TestAdoptionTouchesNothing(t *testing.T) {
	m := newSim(podOf(policyAlways, []*corev1.Container{container("i"), sidecarOf("s")}, []*corev1.Container{container("a")})).settle()
	m.exit("i", 0).settle()
	before := m.s.Published
	// A new agent knows what the runtime lists and the API has, nothing else.
	n := newSim(m.s.Pod)
	n.now = m.now.Add(time.Hour)
	n.s.Seen, n.s.Published = m.s.Seen, before
	for i := range n.s.Seen.Containers {
		n.s.Seen.Containers[i].Inspected = false
	}
	n.s.Seen.Sandboxes[0].Inspected = false
	n.settle()
	n.check(t)
	for _, did := range n.trace {
		if !strings.HasPrefix(did, "Inspect") && did != "MountVolumes" {
			t.Errorf("the new agent does %s", did)
		}
	}
	if n.s.Published.GetPhase() != PhaseRunning || n.condition("Ready") != "True" {
		t.Errorf("%v", n.s.Published)
	}
}

func TestCreatedButNeverStartedContainerIsReplaced(t *testing.T) {
	m := newSim(one(policyAlways)).settle()
	c := &m.s.Seen.Containers[0]
	c.State, c.Inspected = observed.Created, false
	m.trace, m.s.Published = nil, nil
	m.settle()
	m.check(t)
	if want := []string{"remove a/0", "start a/0"}; !slices.Equal(m.trace, want) {
		t.Errorf("did %v, want %v", m.trace, want)
	}
}

func TestOrphanIsStoppedAndRemoved(t *testing.T) {
	m := newSim(one(policyAlways)).settle()
	m.s.Pod, m.s.Gone, m.s.Published = nil, true, nil
	m.s.Seen.Sandboxes[0].Annotations = map[string]string{observed.AnnotationGrace: "7"}
	acts := m.pass()
	if len(acts) != 1 || !acts[0].(StopContainer).Deadline.Equal(m.now.Add(7*time.Second)) {
		t.Fatalf("%v", acts)
	}
	m.end(acts[0])
	m.settle()
	m.check(t)
	if !m.plan.Done || len(m.s.Seen.Containers) > 0 {
		t.Errorf("%v", m.trace)
	}
}

func TestOnlyTheLastEndedContainerIsKept(t *testing.T) {
	m := newSim(one(policyAlways)).settle()
	for range 4 {
		m.exit("a", 1).settle()
		m.after(backoffMost)
	}
	m.check(t)
	if n := len(m.s.Seen.Containers); n != 2 || !m.runs("a") {
		t.Errorf("%d containers are kept", n)
	}
}

func TestLostContainerIsStartedAgain(t *testing.T) {
	m := newSim(one(policyAlways)).settle()
	m.s.Seen.Containers = nil
	m.settle()
	m.check(t)
	if st := m.status("a"); !m.runs("a") || st.GetRestartCount() != 1 || st.GetLastState().GetTerminated().GetReason() != "ContainerStatusUnknown" {
		t.Errorf("%v", st)
	}
}

func TestWhatHindersThePodIsSaid(t *testing.T) {
	for _, c := range []struct {
		fails  Action
		reason string
	}{{CreateSandbox{}, "FailedCreatePodSandBox"}, {MountVolumes{}, "FailedMount"}} {
		m := newSim(one(policyAlways))
		bad := true
		m.fails = func(a Action) *Failure {
			if a.Key() == c.fails.Key() && bad {
				return &Failure{Message: "because"}
			}
			return nil
		}
		m.settle()
		m.pass() // the failure shows in the next status
		if w := m.status("a").GetState().GetWaiting(); w.GetReason() != "ContainerCreating" || w.GetMessage() != "because" {
			t.Errorf("%s: %v", c.reason, w)
		}
		if got := condition(m.s.Published, "PodReadyToStartContainers"); c.reason == "FailedCreatePodSandBox" && (got.GetReason() != c.reason || got.GetMessage() != "because" || got.GetStatus() != "False") {
			t.Errorf("%v", got)
		}
		bad = false
		m.after(time.Second)
		m.check(t)
		if w := m.s.Published; !m.runs("a") || condition(w, "PodReadyToStartContainers").GetReason() != "" {
			t.Errorf("%s: %v", c.reason, w)
		}
	}
}
