package cache

import (
	"testing"
	"time"

	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestAssumeConfirmForget(t *testing.T) {
	c := New()
	c.SetNode(st.Node("n1"))
	c.SetNode(st.Node("n2"))
	p := st.PodInfo("a", st.Requests("cpu", "1"))
	if err := c.Assume(p, "n1"); err != nil {
		t.Fatal(err)
	}
	if err := c.Assume(p, "n2"); err == nil {
		t.Fatal("a pod was assumed twice")
	}
	if node, assumed := c.NodeOf("a"); node != "n1" || !assumed {
		t.Fatalf("on %q, assumed %v; want n1, assumed", node, assumed)
	}
	// The API server's word wins over the assumption, even about another node.
	c.AddPod(st.PodInfo("a", st.Requests("cpu", "1"), st.On("n2")))
	if node, assumed := c.NodeOf("a"); node != "n2" || assumed {
		t.Fatalf("on %q, assumed %v; want n2, bound", node, assumed)
	}
	if c.Forget("a") {
		t.Fatal("a bound pod was forgotten")
	}
	s := framework.NewSnapshot()
	c.Update(s)
	if got := s.Get("n1").Requested.MilliCPU; got != 0 {
		t.Errorf("n1 still holds %dm", got)
	}
	if got := s.Get("n2").Requested.MilliCPU; got != 1000 {
		t.Errorf("n2 holds %dm, want 1000m", got)
	}
	if c.RemovePod("a") == nil || c.RemovePod("a") != nil {
		t.Error("RemovePod does not return the pod exactly once")
	}
}

func TestForgetFreesTheNode(t *testing.T) {
	c := New()
	c.SetNode(st.Node("n1"))
	if err := c.Assume(st.PodInfo("a", st.Requests("cpu", "1"), st.HostPort("", "TCP", 80)), "n1"); err != nil {
		t.Fatal(err)
	}
	if !c.Forget("a") {
		t.Fatal("the pod was not assumed")
	}
	s := framework.NewSnapshot()
	c.Update(s)
	n := s.Get("n1")
	if n.Requested.MilliCPU != 0 || n.NonZero.Memory != 0 || len(n.UsedPorts) != 0 || len(n.Pods) != 0 {
		t.Errorf("forgotten pod still takes place: %+v", n)
	}
}

func TestExpired(t *testing.T) {
	c := New()
	c.SetNode(st.Node("n1"))
	now := time.Unix(1000, 0)
	for _, name := range []string{"binding", "acknowledged", "reported"} {
		if err := c.Assume(st.PodInfo(name), "n1"); err != nil {
			t.Fatal(err)
		}
	}
	c.FinishBinding("acknowledged", now)
	c.FinishBinding("reported", now)
	c.AddPod(st.PodInfo("reported", st.On("n1")))
	if got := c.Expired(now); len(got) != 0 {
		t.Errorf("expired at the deadline already: %v", got)
	}
	got := c.Expired(now.Add(time.Second))
	if len(got) != 1 || got[0].Pod.Name != "acknowledged" || got[0].Node != "n1" {
		t.Errorf("expired: %+v, want acknowledged only", got)
	}
	if node, assumed := c.NodeOf("acknowledged"); node != "n1" || !assumed {
		t.Error("an expired pod lost its place before the API was asked")
	}
}

func TestNodeGoneAndBack(t *testing.T) {
	c := New()
	c.AddPod(st.PodInfo("a", st.On("n1"), st.Requests("cpu", "1"))) // before its node is known
	s := framework.NewSnapshot()
	c.Update(s)
	if s.Len() != 0 {
		t.Fatal("a node that does not exist is in the snapshot")
	}
	c.SetNode(st.Node("n1"))
	c.Update(s)
	if n := s.Get("n1"); n == nil || n.Requested.MilliCPU != 1000 {
		t.Fatalf("pod reported before its node is not counted: %+v", n)
	}
	c.RemoveNode("n1")
	c.Update(s)
	if s.Len() != 0 {
		t.Fatal("deleted node is still in the snapshot")
	}
	c.RemovePod("a")
	if len(c.nodes) != 0 || c.head != nil {
		t.Error("nothing is left of the node and its pods, and the cache still holds it")
	}
}

func TestSnapshotsShareAndStay(t *testing.T) {
	c := New()
	c.SetNode(st.Node("n1"))
	a, b := framework.NewSnapshot(), framework.NewSnapshot()
	c.Update(a)
	c.Update(b)
	if a.Get("n1") != b.Get("n1") {
		t.Error("two snapshots of the same state copied the node twice")
	}
	before := a.Get("n1")
	c.AddPod(st.PodInfo("p", st.On("n1")))
	if len(before.Pods) != 0 {
		t.Error("a change reached a snapshot in use")
	}
	c.Update(a)
	if len(a.Get("n1").Pods) != 1 || len(b.Get("n1").Pods) != 0 {
		t.Error("updating one snapshot must bring that one up to date, and no other")
	}
}

func TestZonesTakeTurns(t *testing.T) {
	c := New()
	for _, n := range []struct{ name, zone string }{{"a1", "a"}, {"a2", "a"}, {"a3", "a"}, {"b1", "b"}, {"c1", "c"}, {"c2", "c"}} {
		c.SetNode(st.Node(n.name, st.Zone(n.zone)))
	}
	s := framework.NewSnapshot()
	c.Update(s)
	var got []string
	for _, n := range s.Nodes() {
		got = append(got, n.Name)
	}
	want := []string{"a1", "b1", "c1", "a2", "c2", "a3"}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("order %v, want %v", got, want)
		}
	}
}
