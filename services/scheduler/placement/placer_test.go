package placement_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/cache"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/placement"
	"kaji.dev/kaji/services/scheduler/plugins"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func profile(t interface{ Fatal(...any) }) *framework.Profile {
	p, err := plugins.Default(nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func snapshot(nodes ...*corev1.Node) *framework.Snapshot {
	var infos []*framework.NodeInfo
	for _, n := range nodes {
		infos = append(infos, framework.NewNodeInfo(n))
	}
	return framework.NewSnapshot(infos...)
}

func onlyNode(name string) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) {
		s.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []*corev1.NodeSelectorTerm{{MatchFields: []*corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "In", Values: []string{name}}}}},
		}}}
	})
}

func TestFailureMessage(t *testing.T) {
	small := st.Allocatable("cpu", "1", "memory", "1Gi", "pods", "10")
	for _, tc := range []struct {
		name    string
		pod     []st.PodOption
		nodes   []*corev1.Node
		message string
		by      []string
	}{
		{"no nodes", nil, nil, "no nodes available to schedule pods", nil},
		{"one reason each", []st.PodOption{st.Requests("cpu", "2")},
			[]*corev1.Node{st.Node("a", small), st.Node("b", st.Taint("k", "v", "NoSchedule")), st.Node("c", st.Taint("k", "v", "NoSchedule"))},
			"0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}.", []string{"NodeResourcesFit", "TaintToleration"}},
		{"two reasons of one node", []st.PodOption{st.Requests("cpu", "2", "memory", "2Gi")}, []*corev1.Node{st.Node("a", small)},
			"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.", []string{"NodeResourcesFit"}},
		{"one node only, and it is full", []st.PodOption{onlyNode("a"), st.Requests("cpu", "2")}, []*corev1.Node{st.Node("a", small), st.Node("b"), st.Node("c")},
			"0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin NodeAffinity.", []string{"NodeAffinity", "NodeResourcesFit"}},
		{"one node only, and it is gone", []st.PodOption{onlyNode("x")}, []*corev1.Node{st.Node("a"), st.Node("b")},
			"0/2 nodes are available: 2 node(s) didn't satisfy plugin NodeAffinity.", []string{"NodeAffinity"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := st.PodInfo("p", tc.pod...)
			_, err := placement.New(profile(t), placement.Config{Seed: 1}).Place(p, snapshot(tc.nodes...))
			var f *placement.Failure
			if !errors.As(err, &f) || f.Error() != tc.message {
				t.Fatalf("%v, want %q", err, tc.message)
			}
			if tc.by != nil && !slices.Equal(f.RejectedBy, tc.by) || len(f.RejectedBy) == 0 {
				t.Errorf("rejected by %v, want %v", f.RejectedBy, tc.by)
			}
			verdicts, explained := placement.Explain(profile(t), p, snapshot(tc.nodes...))
			if explained == nil || explained.Error() != tc.message || len(verdicts) != len(tc.nodes) {
				t.Errorf("explained by %d verdicts as %v", len(verdicts), explained)
			}
		})
	}
}

func TestChoosesTheBest(t *testing.T) {
	p := st.PodInfo("p", st.Requests("cpu", "1", "memory", "1Gi"))
	full := st.NodeInfo(st.Node("used"), st.Pod("there", st.Requests("cpu", "2", "memory", "4Gi")))
	cluster := framework.NewSnapshot(full, framework.NewNodeInfo(st.Node("free")))
	d, err := placement.New(profile(t), placement.Config{Seed: 1}).Place(p, cluster)
	if err != nil || d.Node != "free" || d.Feasible != 2 {
		t.Errorf("%+v, %v; want the free node of two", d, err)
	}
	verdicts, _ := placement.Explain(profile(t), p, cluster)
	if verdicts[0].Node != "free" || verdicts[0].Total <= verdicts[1].Total || verdicts[0].Scores["NodeResourcesLeastAllocated"] == 0 {
		t.Errorf("explained as %+v", verdicts)
	}
}

func TestTiesAreBrokenEvenly(t *testing.T) {
	cluster := snapshot(st.Node("a"), st.Node("b"), st.Node("c"), st.Node("d"))
	placer := placement.New(profile(t), placement.Config{Seed: 7})
	counts := map[string]int{}
	for range 4000 {
		d, err := placer.Place(st.PodInfo("p"), cluster)
		if err != nil {
			t.Fatal(err)
		}
		counts[d.Node]++
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if counts[name] < 850 || counts[name] > 1150 { // more than five deviations off
			t.Errorf("of 4000 equal choices: %v", counts)
			break
		}
	}
}

func TestSameSeedSameChoices(t *testing.T) {
	choices := func() (out []string) {
		placer := placement.New(profile(t), placement.Config{Seed: 42})
		cluster := snapshot(st.Node("a"), st.Node("b"), st.Node("c"))
		for range 20 {
			d, err := placer.Place(st.PodInfo("p"), cluster)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, d.Node)
		}
		return out
	}
	if a, b := choices(), choices(); !slices.Equal(a, b) {
		t.Errorf("%v, then %v", a, b)
	}
}

func TestSampling(t *testing.T) {
	for _, tc := range []struct {
		nodes, percentage, want int
	}{
		{50, 0, 50},    // small: all
		{99, 10, 99},   // small: all, whatever the percentage
		{150, 0, 100},  // 49 %, but never under 100
		{500, 0, 230},  // 46 %
		{1000, 0, 420}, // 42 %
		{1000, 20, 200},
		{1000, 100, 1000},
	} {
		var nodes []*corev1.Node
		for i := range tc.nodes {
			nodes = append(nodes, st.Node(fmt.Sprintf("n%04d", i)))
		}
		placer := placement.New(profile(t), placement.Config{Seed: 1, PercentageOfNodesToScore: tc.percentage})
		cluster := snapshot(nodes...)
		chosen := map[string]bool{}
		for range 3 * tc.nodes / tc.want {
			d, err := placer.Place(st.PodInfo("p"), cluster)
			if err != nil || d.Feasible != tc.want || d.Evaluated != tc.want {
				t.Fatalf("%d nodes at %d %%: %+v, %v; want %d looked at", tc.nodes, tc.percentage, d, err, tc.want)
			}
			chosen[d.Node] = true
		}
		if len(chosen) < 2 {
			t.Errorf("%d nodes: the walk always starts at the same place", tc.nodes)
		}
	}
}

// TestNeverOvercommits places pods at random on nodes at random, with others coming and going: whatever is chosen has room, and a
// pod is rejected only when no node has any. Explain agrees.
func TestNeverOvercommits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, placer, cluster := cache.New(), placement.New(profile(t), placement.Config{Seed: 3}), framework.NewSnapshot()
		for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
			c.SetNode(st.Node(fmt.Sprint("n", i), st.Allocatable("cpu", fmt.Sprint(rapid.IntRange(1, 4).Draw(t, "cpu")), "memory", "4Gi",
				"pods", fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "slots")))))
		}
		var placed []string
		for i := range rapid.IntRange(1, 25).Draw(t, "pods") {
			if len(placed) > 0 && rapid.IntRange(0, 3).Draw(t, "go") == 0 {
				at := rapid.IntRange(0, len(placed)-1).Draw(t, "who")
				c.RemovePod(placed[at])
				placed = slices.Delete(placed, at, at+1)
			}
			opts := []st.PodOption{st.Requests("cpu", fmt.Sprintf("%d00m", rapid.IntRange(0, 20).Draw(t, "cpu")), "memory", fmt.Sprintf("%dMi", rapid.IntRange(0, 2000).Draw(t, "memory")))}
			if rapid.IntRange(0, 4).Draw(t, "port") == 0 {
				opts = append(opts, st.HostPort("", "TCP", 80))
			}
			p := st.PodInfo(fmt.Sprint("p", i), opts...)
			c.Update(cluster)
			room := map[string]bool{}
			for _, n := range cluster.Nodes() {
				room[n.Name] = hasRoom(n, p)
			}
			verdicts, _ := placement.Explain(profile(t), p, cluster)
			for _, v := range verdicts {
				if fits := len(v.Rejections) == 0; fits != room[v.Node] {
					t.Fatalf("%s on %s explained as fitting: %v, has room: %v", p, v.Node, fits, room[v.Node])
				}
			}
			d, err := placer.Place(p, cluster)
			if err != nil {
				for name, has := range room {
					if has {
						t.Fatalf("rejected though %s has room: %v", name, err)
					}
				}
				continue
			}
			if !room[d.Node] {
				t.Fatalf("%s was placed on %s, which has no room", p, d.Node)
			}
			if err := c.Assume(p, d.Node); err != nil {
				t.Fatal(err)
			}
			placed = append(placed, p.UID)
		}
	})
}

// hasRoom works out from the pods alone whether one more has room.
func hasRoom(n *framework.NodeInfo, p *framework.PodInfo) bool {
	cpu, memory := p.Requests.MilliCPU, p.Requests.Memory
	for _, there := range n.Pods {
		cpu, memory = cpu+there.Requests.MilliCPU, memory+there.Requests.Memory
		if len(there.HostPorts) > 0 && len(p.HostPorts) > 0 {
			return false
		}
	}
	return len(n.Pods) < int(n.Allocatable.Pods) && (p.Requests.MilliCPU == 0 || cpu <= n.Allocatable.MilliCPU) &&
		(p.Requests.Memory == 0 || memory <= n.Allocatable.Memory)
}
