package framework

import (
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestNodeChange(t *testing.T) {
	node := func(change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{
			Metadata: &metav1.ObjectMeta{Name: "n", Labels: map[string]string{"a": "b"}},
			Spec:     &corev1.NodeSpec{Taints: []*corev1.Taint{{Key: "k", Effect: NoSchedule}}},
			Status:   &corev1.NodeStatus{Allocatable: map[string]*metav1.Quantity{"cpu": {String_: "1"}}},
		}
		if change != nil {
			change(n)
		}
		return n
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Node)
		want   Action
	}{
		{"heartbeat", func(n *corev1.Node) {
			n.Status.Conditions = []*corev1.NodeCondition{{Type: "Ready", LastHeartbeatTime: timestamppb.Now()}}
		}, 0},
		{"the same amount in other words", func(n *corev1.Node) { n.Status.Allocatable["cpu"].String_ = "1000m" }, 0},
		{"cpu", func(n *corev1.Node) { n.Status.Allocatable["cpu"].String_ = "2" }, AllocatableChanged},
		{"a device", func(n *corev1.Node) { n.Status.Allocatable["example.com/gpu"] = &metav1.Quantity{String_: "1"} }, AllocatableChanged},
		{"label", func(n *corev1.Node) { n.Metadata.Labels["a"] = "c" }, LabelsChanged},
		{"cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }, TaintsChanged},
		{"taint gone", func(n *corev1.Node) { n.Spec.Taints = nil }, TaintsChanged},
		{"taint and label", func(n *corev1.Node) { n.Spec.Taints, n.Metadata.Labels = nil, nil }, TaintsChanged | LabelsChanged},
	} {
		c := NodeChange(node(nil), node(tc.change))
		if c == nil && tc.want != 0 || c != nil && c.Action != tc.want {
			t.Errorf("%s: %+v, want action %b", tc.name, c, tc.want)
		}
	}
	if c := NodeChange(nil, node(nil)); c.Action != Added || c.OldNode != nil {
		t.Errorf("a new node: %+v", c)
	}
	if c := NodeChange(node(nil), nil); c.Action != Deleted || c.NewNode != nil {
		t.Errorf("a node that is gone: %+v", c)
	}
}

// deaf has hints that match nothing; shy has none at all.
type deaf struct{}

func (deaf) Name() string       { return "deaf" }
func (deaf) Hints() []EventHint { return nil }

type picky struct{}

func (picky) Name() string { return "picky" }
func (picky) Hints() []EventHint {
	return []EventHint{{Object: NodeObject, Actions: Added | LabelsChanged, Helps: func(p *PodInfo, _ *Change) bool { return p.Name == "lucky" }}}
}

type shy struct{}

func (shy) Name() string { return "shy" }

func TestProfileAsksHints(t *testing.T) {
	pr, err := NewProfile(Weighted{Plugin: deaf{}}, Weighted{Plugin: picky{}}, Weighted{Plugin: shy{}})
	if err != nil {
		t.Fatal(err)
	}
	added, resized := &Change{Object: NodeObject, Action: Added}, &Change{Object: NodeObject, Action: AllocatableChanged}
	lucky, other := &PodInfo{Name: "lucky"}, &PodInfo{Name: "other"}
	for _, tc := range []struct {
		plugin          string
		change          *Change
		pod             *PodInfo
		concerns, helps bool
	}{
		{"deaf", added, lucky, false, false},
		{"picky", added, lucky, true, true},
		{"picky", added, other, true, false},
		{"picky", resized, lucky, false, false},
		{"shy", resized, other, true, true}, // who gives no hints is asked again after everything
	} {
		if c, h := pr.Concerns(tc.plugin, tc.change), pr.Helps(tc.plugin, tc.pod, tc.change); c != tc.concerns || h != tc.helps {
			t.Errorf("%s, action %b, pod %s: concerns %v, helps %v", tc.plugin, tc.change.Action, tc.pod.Name, c, h)
		}
	}
	if _, err := NewProfile(Weighted{Plugin: deaf{}}, Weighted{Plugin: deaf{}}); err == nil {
		t.Error("a plugin was listed twice")
	}
}
