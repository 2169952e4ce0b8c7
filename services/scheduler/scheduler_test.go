package scheduler

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestSchedulesUntilFull(t *testing.T) {
	h := newHarness(t, nodes(5)...) // room for 4 pods of one core on each
	s, _ := h.start()
	for i := range 25 {
		h.create(st.Pod(fmt.Sprintf("p%d", i), st.Requests("cpu", "1")))
	}
	h.await("20 pods bound, 5 reported", func() bool {
		reported := 0
		for i := range 25 {
			if c := h.condition(fmt.Sprintf("p%d", i)); c.GetStatus() == "False" && c.GetReason() == "Unschedulable" {
				reported++
			}
		}
		return h.bound() == 20 && reported == 5
	})
	h.checkRoom()
	if nodes, pods, _ := s.cache.Count(); nodes != 5 || pods != 20 {
		t.Errorf("the cache has %d nodes and %d pods, want 5 and 20", nodes, pods)
	}
	var waiting string
	for i := range 25 {
		if h.pod(fmt.Sprintf("p%d", i)).GetSpec().GetNodeName() == "" {
			waiting = fmt.Sprintf("p%d", i)
		} else if h.condition(fmt.Sprintf("p%d", i)).GetStatus() != "True" {
			t.Errorf("p%d is bound, and its condition is %v", i, h.condition(fmt.Sprintf("p%d", i)))
		}
	}
	const message = "0/5 nodes are available: 5 Insufficient cpu."
	h.await("the event", func() bool { return h.event(waiting, "FailedScheduling") != nil })
	if e := h.event(waiting, "FailedScheduling"); e.GetMessage() != message || e.GetType() != "Warning" {
		t.Errorf("event %s %q", e.GetType(), e.GetMessage())
	}
	if c := h.condition(waiting); c.GetMessage() != message {
		t.Errorf("condition says %q, want %q", c.GetMessage(), message)
	}
	h.addNode(st.Node("new"))
	h.await("four of them on the new node", func() bool { return h.bound() == 24 })
	h.checkRoom()
	h.await("scheduled events", func() bool {
		e := h.event("p0", "Scheduled")
		return e != nil && strings.HasPrefix(e.GetMessage(), "Successfully assigned default/p0 to n")
	})
}

func TestDeletionMakesRoom(t *testing.T) {
	h := newHarness(t, nodes(1)...)
	h.start()
	h.create(st.Pod("big", st.Requests("cpu", "3")))
	h.await("the first bound", func() bool { return h.pod("big").GetSpec().GetNodeName() == "n0" })
	h.create(st.Pod("next", st.Requests("cpu", "2")))
	h.await("the second reported", func() bool { return h.condition("next").GetReason() == "Unschedulable" })
	if err := client.Of[*corev1.Pod](h.client).Delete(context.Background(), "default", "big", &metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Fatal(err)
	}
	h.await("the second bound", func() bool { return h.pod("next").GetSpec().GetNodeName() == "n0" })
}

func TestGates(t *testing.T) {
	h := newHarness(t, nodes(1)...)
	s, _ := h.start()
	h.create(st.Pod("held", st.Gate("example.com/quota")))
	h.await("the gate reported", func() bool {
		c := h.condition("held")
		return c.GetReason() == "SchedulingGated" && c.GetStatus() == "False"
	})
	r, err := s.explain("default", "held")
	if err != nil || r.State != schedulerv1.PodState_POD_STATE_GATED || !strings.Contains(r.Message, "example.com/quota") {
		t.Errorf("explained as %v, %v", r, err)
	}
	pod := proto.CloneOf(h.pod("held"))
	pod.Spec.SchedulingGates = nil
	if _, err := client.Of[*corev1.Pod](h.client).Update(context.Background(), pod); err != nil {
		t.Fatal(err)
	}
	h.await("bound", func() bool { return h.pod("held").GetSpec().GetNodeName() == "n0" })
}

func TestLeavesOthersPodsAlone(t *testing.T) {
	h := newHarness(t, nodes(1)...)
	s, _ := h.start()
	h.create(st.Pod("theirs", st.Spec(func(s *corev1.PodSpec) { s.SchedulerName = "other" })), st.Pod("ours"))
	h.await("ours bound", func() bool { return h.pod("ours").GetSpec().GetNodeName() != "" })
	if p := h.pod("theirs"); p.GetSpec().GetNodeName() != "" || len(p.GetStatus().GetConditions()) != 0 {
		t.Errorf("touched a pod of another scheduler: %v", p)
	}
	if r, err := s.explain("default", "theirs"); err != nil || r.State != schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE {
		t.Errorf("explained as %v, %v", r, err)
	}
}

func TestCountsWhatOthersBind(t *testing.T) {
	h := newHarness(t, append(nodes(1), st.Pod("static", st.On("n0"), st.Requests("cpu", "3")))...)
	h.start()
	h.create(st.Pod("p", st.Requests("cpu", "2")))
	h.await("reported", func() bool { return h.condition("p").GetReason() == "Unschedulable" })
}

// TestLostAnswers breaks bindings on the way there and back: in the end every pod is bound, once, and no node overcommitted.
func TestLostAnswers(t *testing.T) {
	h := newHarness(t, nodes(20)...)
	h.conn = &flaky{ClientConnInterface: h.server}
	h.start()
	for i := range 60 {
		h.create(st.Pod(fmt.Sprintf("p%d", i), st.Requests("cpu", "1")))
	}
	h.await("all bound", func() bool { return h.bound() == 60 })
	h.checkRoom()
}

// TestRestart stops schedulers in the middle, again and again: the next one goes on from what the API says.
func TestRestart(t *testing.T) {
	h := newHarness(t, nodes(20)...)
	h.conn = &flaky{ClientConnInterface: h.server}
	_, stop := h.start()
	for i := range 70 {
		h.create(st.Pod(fmt.Sprintf("p%d", i), st.Requests("cpu", "1")))
		if i%15 == 7 {
			stop()
			_, stop = h.start()
		}
	}
	h.await("all bound", func() bool { return h.bound() == 70 })
	h.checkRoom()
}

// TestTwoSchedulers lets two lead at once, as after a lease changed hands unnoticed: no pod is bound twice (the API refuses), none is lost.
func TestTwoSchedulers(t *testing.T) {
	h := newHarness(t, nodes(10)...)
	h.start()
	h.start()
	for i := range 20 {
		h.create(st.Pod(fmt.Sprintf("p%d", i), st.Requests("cpu", "100m")))
	}
	h.await("all bound", func() bool { return h.bound() == 20 })
}

func TestExplain(t *testing.T) {
	h := newHarness(t,
		st.Node("busy", st.Allocatable("cpu", "1", "memory", "1Gi", "pods", "10")),
		st.Node("cordoned", st.Unschedulable()),
		st.Node("tainted", st.Taint("team", "a", "NoSchedule"), st.Allocatable("cpu", "1", "memory", "1Gi", "pods", "10")))
	s, _ := h.start()
	h.create(st.Pod("small", st.Requests("cpu", "100m")), st.Pod("p", st.Requests("cpu", "2")))
	h.await("one bound, one reported", func() bool {
		return h.pod("small").GetSpec().GetNodeName() == "busy" && h.condition("p").GetReason() == "Unschedulable"
	})
	r, err := s.explain("default", "p")
	if err != nil {
		t.Fatal(err)
	}
	if want := "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {team: a}, 1 node(s) were unschedulable."; r.Message != want {
		t.Errorf("message %q, want %q", r.Message, want)
	}
	if r.State != schedulerv1.PodState_POD_STATE_UNSCHEDULABLE || r.Attempts != 1 || r.NextAttempt == nil {
		t.Errorf("state %v, attempts %d, next %v", r.State, r.Attempts, r.NextAttempt)
	}
	want := map[string][]string{
		"busy": {"NodeResourcesFit"}, "cordoned": {"NodeUnschedulable"}, "tainted": {"TaintToleration", "NodeResourcesFit"},
	}
	if len(r.Nodes) != 3 {
		t.Fatalf("%d verdicts, want 3", len(r.Nodes))
	}
	for _, n := range r.Nodes {
		var got []string
		for _, reason := range n.Reasons {
			got = append(got, reason.Plugin)
		}
		if n.Fits || strings.Join(got, " ") != strings.Join(want[n.NodeName], " ") {
			t.Errorf("%s: fits %v, rejected by %v, want %v", n.NodeName, n.Fits, got, want[n.NodeName])
		}
	}
	if r, err := s.explain("default", "small"); err != nil || r.State != schedulerv1.PodState_POD_STATE_BOUND || r.NodeName != "busy" {
		t.Errorf("bound pod: %v, %v", r, err)
	}
	if _, err := s.explain("default", "nobody"); !apierror.IsNotFound(err) {
		t.Errorf("unknown pod: %v", err)
	}
}
