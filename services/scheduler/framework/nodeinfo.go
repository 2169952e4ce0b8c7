package framework

import (
	"slices"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// NodeInfo is a node with the pods on it (bound or assumed) and what is worked out of both. The cache changes its own;
// those in a Snapshot are never changed.
type NodeInfo struct {
	// Node is nil while only pods of the node are known.
	Node *corev1.Node
	Name string

	Pods []*PodInfo
	// OwnerKeys has the OwnerKey of each of Pods, zero for pods being deleted: side by side in memory, for quick counting.
	OwnerKeys []uint64
	// Affinity counts the pods with any pod affinity, AntiAffinity those with required anti-affinity.
	Affinity     int
	AntiAffinity int

	UsedPorts   []HostPort
	Requested   Resources
	NonZero     Resources
	Allocatable Resources
	// Images on the node.
	Images *ImageSet
	// Tainted is true when any taint of the node has an effect on scheduling.
	Tainted bool
}

// ImageSet is the images a node has: size in bytes by name. It is never changed, so that two nodes with the same pointer have the same images.
type ImageSet struct{ Sizes map[string]int64 }

// NewNodeInfo returns a node with pods on it.
func NewNodeInfo(node *corev1.Node, pods ...*PodInfo) *NodeInfo {
	n := &NodeInfo{Name: node.GetMetadata().GetName()}
	n.SetNode(node)
	for _, p := range pods {
		n.AddPod(p)
	}
	return n
}

// SetNode sets or replaces the node and keeps the pods.
func (n *NodeInfo) SetNode(node *corev1.Node) {
	old := n.Node
	n.Node = node
	n.Name = node.GetMetadata().GetName()
	n.Allocatable = ResourcesOf(node.GetStatus().GetAllocatable())
	n.Tainted = len(node.GetSpec().GetTaints()) > 0
	if n.Images == nil || old == nil || !sameImages(old.GetStatus().GetImages(), node.GetStatus().GetImages()) {
		n.Images = newImageSet(node.GetStatus().GetImages())
	}
}

// RemoveNode forgets the node and keeps the pods: their deletions arrive on their own.
func (n *NodeInfo) RemoveNode() {
	n.Node, n.Allocatable, n.Tainted, n.Images = nil, Resources{}, false, nil
}

// AddPod puts a pod on the node.
func (n *NodeInfo) AddPod(p *PodInfo) {
	n.Pods = append(n.Pods, p)
	key := p.OwnerKey
	if p.Terminating() {
		key = 0
	}
	n.OwnerKeys = append(n.OwnerKeys, key)
	n.Requested.Add(&p.Requests)
	n.NonZero.Add(&p.NonZero)
	n.UsedPorts = append(n.UsedPorts, p.HostPorts...)
	if p.HasAffinity() {
		n.Affinity++
	}
	if len(p.RequiredAntiAffinity) > 0 {
		n.AntiAffinity++
	}
}

// RemovePod takes the pod with the uid off the node and tells whether it was there.
func (n *NodeInfo) RemovePod(uid string) bool {
	i := slices.IndexFunc(n.Pods, func(p *PodInfo) bool { return p.UID == uid })
	if i < 0 {
		return false
	}
	p := n.Pods[i]
	last := len(n.Pods) - 1
	n.Pods[i], n.OwnerKeys[i] = n.Pods[last], n.OwnerKeys[last]
	n.Pods[last] = nil
	n.Pods, n.OwnerKeys = n.Pods[:last], n.OwnerKeys[:last]
	n.Requested.Sub(&p.Requests)
	n.NonZero.Sub(&p.NonZero)
	for _, h := range p.HostPorts {
		if i := slices.Index(n.UsedPorts, h); i >= 0 {
			n.UsedPorts = slices.Delete(n.UsedPorts, i, i+1)
		}
	}
	if p.HasAffinity() {
		n.Affinity--
	}
	if len(p.RequiredAntiAffinity) > 0 {
		n.AntiAffinity--
	}
	return true
}

// Clone returns a copy that later changes of n do not touch.
func (n *NodeInfo) Clone() *NodeInfo {
	c := *n
	c.Pods = slices.Clone(n.Pods)
	c.OwnerKeys = slices.Clone(n.OwnerKeys)
	c.UsedPorts = slices.Clone(n.UsedPorts)
	c.Requested = n.Requested.Clone()
	c.NonZero = n.NonZero.Clone()
	return &c
}

// Zone is where the node stands: region and zone labels; empty when it has neither.
func (n *NodeInfo) Zone() string {
	labels := n.Node.GetMetadata().GetLabels()
	region, zone := labels["topology.kubernetes.io/region"], labels["topology.kubernetes.io/zone"]
	if region == "" && zone == "" {
		return ""
	}
	return region + "\x00" + zone
}

func newImageSet(images []*corev1.ContainerImage) *ImageSet {
	s := &ImageSet{Sizes: make(map[string]int64, len(images))}
	for _, image := range images {
		for _, name := range image.GetNames() {
			s.Sizes[name] = image.GetSizeBytes()
		}
	}
	return s
}

func sameImages(a, b []*corev1.ContainerImage) bool {
	return slices.EqualFunc(a, b, func(x, y *corev1.ContainerImage) bool {
		return x == y || x.GetSizeBytes() == y.GetSizeBytes() && slices.Equal(x.GetNames(), y.GetNames())
	})
}
