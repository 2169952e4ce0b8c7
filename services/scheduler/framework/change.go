package framework

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/labels"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Object is what changed.
type Object uint8

// Objects whose changes can help.
const (
	// NodeObject is a node.
	NodeObject Object = iota
	// AssignedPod is a pod on a node.
	AssignedPod
	// NamespaceObject is a namespace.
	NamespaceObject
)

// Action is how it changed; several at once are or-ed.
type Action uint16

// Actions.
const (
	Added Action = 1 << iota
	Deleted
	// AllocatableChanged, LabelsChanged, TaintsChanged (with spec.unschedulable): of nodes. LabelsChanged also of pods and namespaces.
	AllocatableChanged
	LabelsChanged
	TaintsChanged
	// ScaledDown: the pod asks for less of something. Terminating: its deletion began.
	ScaledDown
	Terminating
)

// Change is something that happened in the cluster. It is shared and never changed.
type Change struct {
	Object Object
	Action Action
	// OldNode and NewNode carry no pods; one is nil when the node was added or deleted.
	OldNode, NewNode *NodeInfo
	// OldPod and NewPod: one is nil when the pod was added or deleted.
	OldPod, NewPod *PodInfo
	// Namespace is the name and NamespaceLabels the new labels of a namespace.
	Namespace       string
	NamespaceLabels labels.Set
}

// EventHint names changes that can turn a plugin's rejection of a pod.
type EventHint struct {
	Object  Object
	Actions Action
	// Helps tells whether this change can turn it for this pod; nil when it always can. It errs on the side of yes.
	Helps func(p *PodInfo, c *Change) bool
}

// Matches tells whether the hint is about the change at all.
func (h *EventHint) Matches(c *Change) bool { return h.Object == c.Object && h.Actions&c.Action != 0 }

// NodeChange describes a node's change; nil when nothing about it matters to scheduling (heartbeats).
func NodeChange(old, new *corev1.Node) *Change {
	c := &Change{Object: NodeObject}
	if old != nil {
		c.OldNode = NewNodeInfo(old)
	}
	if new != nil {
		c.NewNode = NewNodeInfo(new)
	}
	switch {
	case old == nil:
		c.Action = Added
		return c
	case new == nil:
		c.Action = Deleted
		return c
	}
	if !equalResources(&c.OldNode.Allocatable, &c.NewNode.Allocatable) {
		c.Action |= AllocatableChanged
	}
	if !maps.Equal(old.GetMetadata().GetLabels(), new.GetMetadata().GetLabels()) {
		c.Action |= LabelsChanged
	}
	if old.GetSpec().GetUnschedulable() != new.GetSpec().GetUnschedulable() ||
		!slices.EqualFunc(old.GetSpec().GetTaints(), new.GetSpec().GetTaints(), func(a, b *corev1.Taint) bool { return proto.Equal(a, b) }) {
		c.Action |= TaintsChanged
	}
	if c.Action == 0 {
		return nil
	}
	return c
}

// AssignedPodChange describes a change of a pod on a node; nil when nothing about it matters to other pods.
func AssignedPodChange(old, new *PodInfo) *Change {
	c := &Change{Object: AssignedPod, OldPod: old, NewPod: new}
	switch {
	case old == nil:
		c.Action = Added
		return c
	case new == nil:
		c.Action = Deleted
		return c
	}
	if !maps.Equal(old.Labels, new.Labels) {
		c.Action |= LabelsChanged
	}
	if less(&new.Requests, &old.Requests) {
		c.Action |= ScaledDown
	}
	if !old.Terminating() && new.Terminating() {
		c.Action |= Terminating
	}
	if c.Action == 0 {
		return nil
	}
	return c
}

func equalResources(a, b *Resources) bool {
	return a.MilliCPU == b.MilliCPU && a.Memory == b.Memory && a.EphemeralStorage == b.EphemeralStorage && a.Pods == b.Pods &&
		maps.Equal(a.Scalars, b.Scalars)
}

// less tells whether a has less than b of anything.
func less(a, b *Resources) bool {
	if a.MilliCPU < b.MilliCPU || a.Memory < b.Memory || a.EphemeralStorage < b.EphemeralStorage {
		return true
	}
	for name, v := range b.Scalars {
		if a.Scalars[name] < v {
			return true
		}
	}
	return false
}
