package cache

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// model is the cache without any cleverness: what exists, and where.
type model struct {
	nodes map[string]*corev1.Node
	pods  map[string]modelPod
}

type modelPod struct {
	info    *framework.PodInfo
	node    string
	assumed bool
}

func (m *model) node(name string) *framework.NodeInfo {
	n := framework.NewNodeInfo(m.nodes[name])
	for _, p := range m.pods {
		if p.node == name {
			n.AddPod(p.info)
		}
	}
	return n
}

// TestSnapshotEqualsRecomputation drives the cache at random and compares two snapshots, one updated often
// and one rarely, with what a recomputation from nothing gives.
func TestSnapshotEqualsRecomputation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New()
		m := &model{nodes: map[string]*corev1.Node{}, pods: map[string]modelPod{}}
		often, rarely := framework.NewSnapshot(), framework.NewSnapshot()
		nodeName := rapid.SampledFrom([]string{"n1", "n2", "n3", "n4"})
		podName := rapid.SampledFrom([]string{"p1", "p2", "p3", "p4", "p5", "p6"})
		t.Repeat(map[string]func(*rapid.T){
			"setNode": func(t *rapid.T) {
				n := drawNode(t, nodeName.Draw(t, "node"))
				c.SetNode(n)
				m.nodes[n.Metadata.Name] = n
			},
			"removeNode": func(t *rapid.T) {
				name := nodeName.Draw(t, "node")
				c.RemoveNode(name)
				delete(m.nodes, name)
			},
			"assume": func(t *rapid.T) {
				name, node := podName.Draw(t, "pod"), nodeName.Draw(t, "node")
				p := drawPod(t, name)
				err := c.Assume(p, node)
				if _, known := m.pods[name]; known != (err != nil) {
					t.Fatalf("assume of a pod known %v: %v", known, err)
				}
				if err == nil {
					m.pods[name] = modelPod{p, node, true}
				}
			},
			"finish": func(t *rapid.T) { c.FinishBinding(podName.Draw(t, "pod"), time.Unix(1, 0)) },
			"forget": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				p := m.pods[name]
				if got := c.Forget(name); got != p.assumed {
					t.Fatalf("forget %s: %v, want %v", name, got, p.assumed)
				}
				if p.assumed {
					delete(m.pods, name)
				}
			},
			"add": func(t *rapid.T) {
				name, node := podName.Draw(t, "pod"), nodeName.Draw(t, "node")
				p := drawPod(t, name, st.On(node))
				c.AddPod(p)
				m.pods[name] = modelPod{p, node, false}
			},
			"remove": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				c.RemovePod(name)
				delete(m.pods, name)
			},
			"rarely": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "now") == 0 {
					c.Update(rarely)
					compare(t, m, rarely)
				}
			},
			"": func(t *rapid.T) {
				c.Update(often)
				compare(t, m, often)
				last := c.generation + 1
				for it := c.head; it != nil; it = it.next {
					if it.generation >= last {
						t.Fatalf("the list of changes is out of order")
					}
					last = it.generation
				}
			},
		})
	})
}

func drawNode(t *rapid.T, name string) *corev1.Node {
	opts := []st.NodeOption{st.Allocatable("cpu", fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "cpu")), "pods", "10")}
	if z := rapid.IntRange(0, 2).Draw(t, "zone"); z > 0 {
		opts = append(opts, st.Zone(fmt.Sprint(z)))
	}
	if rapid.Bool().Draw(t, "image") {
		opts = append(opts, st.Image(5, "web:1", "web:latest"))
	}
	return st.Node(name, opts...)
}

func drawPod(t *rapid.T, name string, opts ...st.PodOption) *framework.PodInfo {
	opts = append(opts, st.Requests("cpu", fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "cpu")), "example.com/gpu", fmt.Sprint(rapid.IntRange(0, 1).Draw(t, "gpu"))))
	if rapid.Bool().Draw(t, "owned") {
		opts = append(opts, st.Owner("rs"))
	}
	if rapid.Bool().Draw(t, "port") {
		opts = append(opts, st.HostPort("", "TCP", 80))
	}
	if rapid.Bool().Draw(t, "anti") {
		opts = append(opts, st.Spec(func(s *corev1.PodSpec) {
			s.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []*corev1.PodAffinityTerm{{TopologyKey: "zone"}},
			}}
		}))
	}
	return st.PodInfo(name, opts...)
}

func compare(t *rapid.T, m *model, s *framework.Snapshot) {
	if s.Len() != len(m.nodes) {
		t.Fatalf("%d nodes in the snapshot, want %d", s.Len(), len(m.nodes))
	}
	var wantAffinity, wantAnti int
	affinity, anti := len(s.WithAffinity()), len(s.WithAntiAffinity())
	for _, i := range s.WithAntiAffinity() {
		if s.Nodes()[i].AntiAffinity == 0 {
			t.Fatalf("node %s is listed as having anti-affinity", s.Nodes()[i].Name)
		}
	}
	pods, zones := framework.PerNode(s, "pods", func(n *framework.NodeInfo) int { return len(n.Pods) }), s.Domains("topology.kubernetes.io/zone")
	byZone := map[string]int{}
	for i, n := range s.Nodes() {
		if pods[i] != len(n.Pods) || s.Index(n.Name) != i {
			t.Fatalf("node %s: %d pods remembered, %d there; index %d of %d", n.Name, pods[i], len(n.Pods), s.Index(n.Name), i)
		}
		zone, has := n.Node.Metadata.Labels["topology.kubernetes.io/zone"]
		if d := zones.At(i); d != zones.Of(n) || has != (d >= 0) {
			t.Fatalf("node %s in zone %q: domain %d and %d", n.Name, zone, d, zones.Of(n))
		} else if before, known := byZone[zone]; has && known && before != d {
			t.Fatalf("zone %s is domain %d and %d", zone, before, d)
		} else {
			byZone[zone] = d
		}
	}
	images := 0
	for name, node := range m.nodes {
		got, want := s.Get(name).Clone(), m.node(name)
		sortPods(got)
		sortPods(want)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("node %s:\n got %+v\nwant %+v", name, got, want)
		}
		if want.Affinity > 0 {
			wantAffinity++
		}
		if want.AntiAffinity > 0 {
			wantAnti++
		}
		if len(node.Status.Images) > 0 {
			images++
		}
	}
	if affinity != wantAffinity || anti != wantAnti || s.ImageNodes("web:1") != images || s.ImageNodes("web:latest") != images {
		t.Fatalf("indexes: affinity %d want %d, anti-affinity %d want %d, images %d want %d",
			affinity, wantAffinity, anti, wantAnti, s.ImageNodes("web:1"), images)
	}
}

// sortPods brings a node to a form that does not depend on the order of what happened.
func sortPods(n *framework.NodeInfo) {
	slices.SortFunc(n.Pods, func(a, b *framework.PodInfo) int { return strings.Compare(a.UID, b.UID) })
	n.OwnerKeys = nil
	for _, p := range n.Pods {
		n.OwnerKeys = append(n.OwnerKeys, p.OwnerKey)
	}
	slices.SortFunc(n.UsedPorts, func(a, b framework.HostPort) int { return int(a.Port - b.Port) })
	if len(n.UsedPorts) == 0 {
		n.UsedPorts = nil
	}
	if len(n.Pods) == 0 {
		n.Pods = nil
	}
}
