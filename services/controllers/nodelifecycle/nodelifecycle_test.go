package nodelifecycle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/runtime"
)

// world has nodes whose agents renew their Leases until told to be silent.
type world struct {
	*harness.World
	stop map[string]chan struct{}
}

func (w *world) node(name string) {
	harness.Create(w.World, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: name}})
	harness.EditStatus(w.World, "", name, func(n *corev1.Node) {
		n.Status = &corev1.NodeStatus{Conditions: []*corev1.NodeCondition{{Type: "Ready", Status: "True"}, {Type: "MemoryPressure", Status: "False"}}}
	})
	harness.Create(w.World, &coordinationv1.Lease{Metadata: &metav1.ObjectMeta{Namespace: leaseNamespace, Name: name}, Spec: &coordinationv1.LeaseSpec{}})
	w.speak(name)
}

func (w *world) speak(name string) {
	stop := make(chan struct{})
	w.stop[name] = stop
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-w.Ctx.Done():
				return
			case <-time.After(10 * time.Second):
			}
			harness.Edit(w.World, leaseNamespace, name, func(l *coordinationv1.Lease) {
				// Its clock is an hour behind, which must not matter.
				l.Spec.RenewTime = timestamppb.New(time.Now().Add(-time.Hour))
			})
		}
	}()
}

func (w *world) taints(name string) []string {
	var out []string
	for _, t := range harness.Get[*corev1.Node](w.World, "", name).GetSpec().GetTaints() {
		out = append(out, t.GetKey()+":"+t.GetEffect())
	}
	slices.Sort(out)
	return out
}

func (w *world) pod(name, node string, tolerations ...*corev1.Toleration) {
	harness.Create(w.World, &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:     &corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: proto.Int64(0), Tolerations: tolerations, Containers: []*corev1.Container{{Name: "c", Image: "i"}}},
	})
	harness.EditStatus(w.World, "default", name, func(p *corev1.Pod) { harness.SetReady(p, true) })
}

// live are the pods that are not being deleted.
func (w *world) live() []string {
	var out []string
	for _, p := range harness.List[*corev1.Pod](w.World, "default") {
		if p.GetMetadata().GetDeletionTimestamp() == nil {
			out = append(out, p.GetMetadata().GetName())
		}
	}
	slices.Sort(out)
	return out
}

func run(t *testing.T, nodes int, f func(*world)) {
	harness.Run(t, func(h *harness.World) {
		w := &world{h, map[string]chan struct{}{}}
		for i := range nodes {
			w.node(fmt.Sprint("n", i+1))
		}
		w.Start(func(s *runtime.Scope) { Add(s, Config{}) })
		w.Settle(time.Minute)
		f(w)
	})
}

func TestSilentNodeIsTaintedAndItsPodsLeave(t *testing.T) {
	run(t, 3, func(w *world) {
		for300 := []*corev1.Toleration{
			{Key: taintNotReady, Operator: "Exists", Effect: noExecute, TolerationSeconds: proto.Int64(300)},
			{Key: taintUnreachable, Operator: "Exists", Effect: noExecute, TolerationSeconds: proto.Int64(300)},
		}
		w.pod("waits", "n1", for300...)
		w.pod("leaves", "n1")
		w.pod("stays", "n1", &corev1.Toleration{Operator: "Exists"})
		w.pod("elsewhere", "n2", for300...)
		if got := w.taints("n1"); len(got) != 0 {
			t.Fatalf("taints of a live node: %v", got)
		}
		close(w.stop["n1"])
		w.Settle(DefaultGrace + 15*time.Second)
		if got := w.taints("n1"); !slices.Equal(got, []string{taintUnreachable + ":NoExecute", taintUnreachable + ":NoSchedule"}) {
			t.Errorf("taints %v", got)
		}
		n := harness.Get[*corev1.Node](w.World, "", "n1")
		for _, c := range n.GetStatus().GetConditions() {
			if c.GetStatus() != "Unknown" {
				t.Errorf("condition %s is %s", c.GetType(), c.GetStatus())
			}
		}
		if got := w.live(); !slices.Equal(got, []string{"elsewhere", "stays", "waits"}) {
			t.Errorf("pods %v", got)
		}
		stays := harness.Get[*corev1.Pod](w.World, "default", "stays")
		if c := stays.GetStatus().GetConditions()[0]; c.GetStatus() != "False" || c.GetReason() != "NodeNotReady" {
			t.Errorf("the pod of a lost node is %v", c)
		}
		w.Settle(250 * time.Second)
		if got := w.live(); !slices.Contains(got, "waits") {
			t.Errorf("a pod was driven off before its time: %v", got)
		}
		w.Settle(time.Minute)
		if got := w.live(); !slices.Equal(got, []string{"elsewhere", "stays"}) {
			t.Errorf("pods %v", got)
		}
		// The agent comes back, renews and reports.
		w.speak("n1")
		w.Settle(11 * time.Second)
		harness.EditStatus(w.World, "", "n1", func(n *corev1.Node) {
			for _, c := range n.Status.Conditions {
				c.Status = map[bool]string{true: "True", false: "False"}[c.GetType() == "Ready"]
			}
		})
		w.Settle(time.Second)
		if got := w.taints("n1"); len(got) != 0 {
			t.Errorf("taints of the returned node: %v", got)
		}
	})
}

func TestWhenAllNodesFallSilentNobodyIsDrivenOff(t *testing.T) {
	run(t, 3, func(w *world) {
		w.pod("p", "n1")
		for _, stop := range w.stop {
			close(stop)
		}
		w.Settle(30 * time.Minute)
		// The first node to be missed may be given up before it is known that all are lost; the others must not.
		evicting := 0
		for _, n := range []string{"n1", "n2", "n3"} {
			got := w.taints(n)
			if !slices.Contains(got, taintUnreachable+":NoSchedule") {
				t.Errorf("%s may still get pods: %v", n, got)
			}
			if slices.Contains(got, taintUnreachable+":NoExecute") {
				evicting++
			}
		}
		if evicting > 1 {
			t.Errorf("%d nodes were given up", evicting)
		}
	})
}

func TestCordonAndPressureBecomeTaints(t *testing.T) {
	run(t, 1, func(w *world) {
		harness.Edit(w.World, "", "n1", func(n *corev1.Node) {
			n.Spec = &corev1.NodeSpec{Unschedulable: true, Taints: []*corev1.Taint{{Key: "mine", Effect: noExecute}}}
		})
		harness.EditStatus(w.World, "", "n1", func(n *corev1.Node) { n.Status.Conditions[1].Status = "True" })
		w.Settle(time.Second)
		if got := w.taints("n1"); !slices.Equal(got, []string{"mine:NoExecute", taintMemoryPressure + ":NoSchedule", taintUnschedulable + ":NoSchedule"}) {
			t.Errorf("taints %v", got)
		}
		harness.Edit(w.World, "", "n1", func(n *corev1.Node) { n.Spec.Unschedulable = false })
		w.Settle(time.Second)
		if got := w.taints("n1"); !slices.Equal(got, []string{"mine:NoExecute", taintMemoryPressure + ":NoSchedule"}) {
			t.Errorf("taints %v", got)
		}
	})
}

func TestDeadline(t *testing.T) {
	at := func(sec int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: sec} }
	a := &corev1.Taint{Key: "a", Effect: noExecute, TimeAdded: at(100)}
	b := &corev1.Taint{Key: "b", Effect: noExecute, TimeAdded: at(200)}
	forA := &corev1.Toleration{Key: "a", Operator: "Exists", TolerationSeconds: proto.Int64(10)}
	forB := &corev1.Toleration{Key: "b", Operator: "Exists", TolerationSeconds: proto.Int64(60)}
	ever := &corev1.Toleration{Key: "a", Operator: "Exists"}
	for name, c := range map[string]struct {
		taints      []*corev1.Taint
		tolerations []*corev1.Toleration
		due         int64
		drive       bool
	}{
		"no taint":          {nil, nil, 0, false},
		"not tolerated":     {[]*corev1.Taint{a}, nil, -62135596800, true},
		"for a while":       {[]*corev1.Taint{a}, []*corev1.Toleration{forA}, 110, true},
		"for ever":          {[]*corev1.Taint{a}, []*corev1.Toleration{ever}, 0, false},
		"two, the shortest": {[]*corev1.Taint{a, b}, []*corev1.Toleration{forA, forB}, 210, true},
		"one of two":        {[]*corev1.Taint{a, b}, []*corev1.Toleration{ever}, -62135596800, true},
	} {
		due, drive := deadline(c.taints, c.tolerations)
		if drive != c.drive || (drive && due.Unix() != c.due) {
			t.Errorf("%s: %v %v", name, due.Unix(), drive)
		}
	}
}

// Doing it twice changes nothing, and taints of others are never touched.
func TestTaintsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.SampledFrom([]string{"True", "False", "Unknown"})
		n := &corev1.Node{Spec: &corev1.NodeSpec{Unschedulable: rapid.Bool().Draw(t, "cordoned")}, Status: &corev1.NodeStatus{}}
		for _, c := range []string{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"} {
			if rapid.Bool().Draw(t, c+" there") {
				n.Status.Conditions = append(n.Status.Conditions, &corev1.NodeCondition{Type: c, Status: status.Draw(t, c)})
			}
		}
		key := rapid.SampledFrom([]string{"mine", taintNotReady, taintUnreachable, taintUnschedulable, taintDiskPressure})
		effect := rapid.SampledFrom([]string{noSchedule, noExecute, "PreferNoSchedule"})
		foreign := 0
		for range rapid.IntRange(0, 4).Draw(t, "taints") {
			taint := &corev1.Taint{Key: key.Draw(t, "key"), Effect: effect.Draw(t, "effect")}
			if !ours(taint) {
				foreign++
			}
			n.Spec.Taints = append(n.Spec.Taints, taint)
		}
		evict := rapid.Bool().Draw(t, "evict")
		now := time.Unix(1000, 0)
		got, _ := taints(n, evict, now)
		kept := 0
		for _, x := range got {
			if !ours(x) {
				kept++
			}
		}
		if kept != foreign {
			t.Fatalf("%d foreign taints, had %d", kept, foreign)
		}
		n.Spec.Taints = got
		if again, changed := taints(n, evict, now); changed {
			t.Fatalf("a second pass makes %v of %v", again, got)
		}
	})
}

func TestPace(t *testing.T) {
	for _, c := range []struct {
		total, lost int
		want        float64
	}{{0, 0, evictionRate}, {10, 0, evictionRate}, {10, 1, evictionRate}, {2, 1, evictionRate}, {1, 1, 0}, {10, 10, 0}, {10, 6, 0}, {100, 60, slowEvictionRate}, {100, 54, evictionRate}} {
		if got := pace(c.total, c.lost); float64(got) != c.want {
			t.Errorf("pace(%d, %d) = %v, want %v", c.total, c.lost, got, c.want)
		}
	}
}
