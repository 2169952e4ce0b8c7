package self

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/cri"
	runtimefake "kaji.dev/kaji/node/cri/fake"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func healthy() Sight {
	s := Sight{At: at, Facts: Facts{CPUs: 4, MemoryBytes: 8 << 30, DiskBytes: 100 << 30, PIDMax: 1000, HugePages: map[string]int64{"hugepages-2Mi": 1 << 30}},
		Pressure: Pressure{MemoryAvailable: 4 << 30, DiskAvailable: 50 << 30, Inodes: 100, InodesFree: 50, Processes: 10}, Version: cri.Version{Name: "fake", Version: "1"}}
	s.Health.Runtime.OK, s.Health.Network.OK = true, true
	return s
}

func config() Config {
	return Config{Name: "n", Addresses: []string{"192.0.2.1"}, Port: 10250, MaxPods: 110, MinMemory: 100 << 20, MinDisk: 1 << 30, Version: "v1", Root: "/",
		Reserved: map[string]resource.Quantity{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi"), "pods": resource.MustParse("200")}}
}

func TestResources(t *testing.T) {
	c := config()
	for name, want := range map[string][2]string{
		"cpu": {"4", "3500m"}, "memory": {"8Gi", "6Gi"}, "ephemeral-storage": {"100Gi", "100Gi"}, "pods": {"110", "0"}, "hugepages-2Mi": {"1Gi", "1Gi"},
	} {
		have, offered := c.Capacity(healthy().Facts)[name], c.Allocatable(healthy().Facts)[name]
		if have.String() != want[0] || offered.String() != want[1] {
			t.Errorf("%s: %s of %s, want %s of %s", name, offered.String(), have.String(), want[1], want[0])
		}
	}
}

func TestConditions(t *testing.T) {
	c := config()
	for name, x := range map[string]struct {
		change func(*Sight)
		kind   string
		want   string
	}{
		"well":              {func(*Sight) {}, "Ready", "True"},
		"runtime away":      {func(s *Sight) { s.Err = errors.New("gone") }, "Ready", "False"},
		"runtime not ready": {func(s *Sight) { s.Health.Runtime.OK = false }, "Ready", "False"},
		"network not ready": {func(s *Sight) { s.Health.Network.OK = false }, "Ready", "False"},
		"memory":            {func(s *Sight) { s.Pressure.MemoryAvailable = 1 }, "MemoryPressure", "True"},
		"disk":              {func(s *Sight) { s.Pressure.DiskAvailable = 1 }, "DiskPressure", "True"},
		"inodes":            {func(s *Sight) { s.Pressure.InodesFree = 1 }, "DiskPressure", "True"},
		"pids":              {func(s *Sight) { s.Pressure.Processes = 999 }, "PIDPressure", "True"},
	} {
		s := healthy()
		x.change(&s)
		st := c.Status(s, nil)
		if len(st.GetConditions()) != 4 {
			t.Errorf("%s: %v", name, st.GetConditions())
		}
		for _, got := range st.GetConditions() {
			want := "False"
			if got.GetType() == "Ready" {
				want = "True"
			}
			if got.GetType() == x.kind {
				want = x.want
			}
			if got.GetStatus() != want || got.GetReason() == "" || got.GetMessage() == "" {
				t.Errorf("%s: %v, want %s", name, got, want)
			}
		}
	}
}

func TestTransitionTimesAndOthersConditionsStay(t *testing.T) {
	c := config()
	first := c.Status(healthy(), &corev1.NodeStatus{Conditions: []*corev1.NodeCondition{{Type: "Custom", Status: "True"}}})
	later := healthy()
	later.At, later.Err = at.Add(time.Hour), errors.New("gone")
	second := c.Status(later, first)
	for _, x := range second.GetConditions() {
		want := at
		if x.GetType() == "Ready" {
			want = later.At
		}
		if x.GetType() == "Custom" {
			continue
		}
		if !x.GetLastTransitionTime().AsTime().Equal(want) || !x.GetLastHeartbeatTime().AsTime().Equal(later.At) {
			t.Errorf("%v", x)
		}
	}
	if last := second.GetConditions()[4]; last.GetType() != "Custom" {
		t.Errorf("%v", second.GetConditions())
	}
	if sameButTime(first, second) || !sameButTime(first, c.Status(Sight{At: later.At, Facts: healthy().Facts, Pressure: healthy().Pressure, Version: healthy().Version, Health: healthy().Health}, first)) {
		t.Error("statuses are compared wrongly")
	}
}

func TestFactsOfThisMachine(t *testing.T) {
	f, err := ReadFacts("/")
	if err != nil || f.CPUs < 1 || f.MemoryBytes < 1<<20 || f.DiskBytes < 1<<20 || f.Kernel == "" || f.OSImage == "" || f.BootID == "" {
		t.Errorf("%+v %v", f, err)
	}
	p, err := ReadPressure("/")
	if err != nil || p.MemoryAvailable < 1 || p.Processes < 1 {
		t.Errorf("%+v %v", p, err)
	}
}

func TestKeeper(t *testing.T) {
	api := fake.NewServer(&corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n", Labels: map[string]string{"mine": "kept"}}, Spec: &corev1.NodeSpec{Unschedulable: true}})
	c := api.Client()
	rt := runtimefake.New()
	k := New(config(), client.Of[*corev1.Node](c), client.Of[*coordinationv1.Lease](c), rt.Client("n"), clock.RealClock{}, hclog.NewNullLogger())
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	watch, err := client.Of[*corev1.Node](c).Watch(ctx, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	leases, err := client.Of[*coordinationv1.Lease](c).Watch(ctx, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(running) })
	defer wg.Wait()
	defer stop()
	ready := func(want string) *corev1.Node {
		t.Helper()
		for {
			e, err := watch.Recv()
			if err != nil {
				t.Fatalf("the node does not become %s: %v", want, err)
			}
			for _, cond := range e.Object.GetStatus().GetConditions() {
				if cond.GetType() == "Ready" && cond.GetStatus() == want {
					return e.Object
				}
			}
		}
	}
	n := ready("True")
	if l := n.GetMetadata().GetLabels(); l["mine"] != "kept" || l["kubernetes.io/hostname"] != "n" || l["kubernetes.io/os"] != "linux" || !n.GetSpec().GetUnschedulable() {
		t.Errorf("%v", n)
	}
	if st := n.GetStatus(); st.GetNodeInfo().GetKubeletVersion() != "v1" || st.GetNodeInfo().GetContainerRuntimeVersion() != "fake://1" || st.GetAddresses()[0].GetAddress() != "192.0.2.1" {
		t.Errorf("%v", st)
	}
	if e, err := leases.Recv(); err != nil || e.Object.GetSpec().GetHolderIdentity() != "n" || e.Object.GetSpec().GetLeaseDurationSeconds() != 40 || e.Object.GetMetadata().GetNamespace() != "kube-node-lease" {
		t.Errorf("%v %v", e, err)
	}
	// Another writer changes the node; the next status goes through all the same.
	nodes := client.Of[*corev1.Node](c)
	now, err := nodes.Get(ctx, "", "n")
	if err != nil {
		t.Fatal(err)
	}
	now.Spec.Taints = []*corev1.Taint{{Key: "k", Effect: "NoSchedule"}}
	if _, err := nodes.Update(ctx, now); err != nil {
		t.Fatal(err)
	}
	// The node controller gave the node up while its agent stood still.
	if now, err = nodes.Get(ctx, "", "n"); err != nil {
		t.Fatal(err)
	}
	for _, cond := range now.Status.Conditions {
		cond.Status, cond.Reason = "Unknown", "NodeStatusUnknown"
	}
	if _, err := nodes.UpdateStatus(ctx, now); err != nil {
		t.Fatal(err)
	}
	ready("Unknown")
	k.Poke()
	ready("True")
	bad := cri.Health{}
	bad.Runtime.OK = true
	rt.SetHealth(bad)
	k.Poke()
	if n = ready("False"); len(n.GetSpec().GetTaints()) != 1 {
		t.Errorf("the taint is lost: %v", n)
	}
	// A node that was deleted is registered anew.
	if err := nodes.Delete(ctx, "", "n", nil); err != nil {
		t.Fatal(err)
	}
	bad.Network.OK = true
	rt.SetHealth(bad)
	k.Poke()
	ready("True")
}
