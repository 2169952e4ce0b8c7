// Package schedulertest makes pods and nodes for the scheduler's tests and benchmarks.
//
// It owns nothing and is imported by tests only. Everything it returns is new and belongs to the caller.
package schedulertest

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

// SchedulerName is the scheduler that pods made here ask for.
const SchedulerName = "default-scheduler"

// PodOption changes a pod under construction.
type PodOption func(*corev1.Pod)

// NodeOption changes a node under construction.
type NodeOption func(*corev1.Node)

// Pod returns a pod in namespace default with one container; its uid is its name.
func Pod(name string, opts ...PodOption) *corev1.Pod {
	p := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: name, Namespace: "default", Uid: name},
		Spec:     &corev1.PodSpec{SchedulerName: SchedulerName, Containers: []*corev1.Container{{Name: "main", Image: "web:1"}}},
		Status:   &corev1.PodStatus{Phase: "Pending"},
	}
	for _, o := range opts {
		o(p)
	}
	return p
}

// PodInfo is Pod, parsed.
func PodInfo(name string, opts ...PodOption) *framework.PodInfo {
	return framework.NewPodInfo(Pod(name, opts...))
}

// Resources reads pairs of name and quantity.
func Resources(pairs ...string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = &metav1.Quantity{String_: pairs[i+1]}
	}
	return out
}

// Requests sets what the first container asks for, as pairs.
func Requests(pairs ...string) PodOption {
	return func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Requests: Resources(pairs...)}
	}
}

// Namespace sets the namespace.
func Namespace(ns string) PodOption { return func(p *corev1.Pod) { p.Metadata.Namespace = ns } }

// Labels sets labels, as pairs.
func Labels(pairs ...string) PodOption {
	return func(p *corev1.Pod) { p.Metadata.Labels = stringMap(pairs) }
}

// Owner makes a controller with this uid the pod's owner.
func Owner(uid string) PodOption {
	return func(p *corev1.Pod) {
		yes := true
		p.Metadata.OwnerReferences = []*metav1.OwnerReference{{Kind: "ReplicaSet", Name: uid, Uid: uid, Controller: &yes}}
	}
}

// Priority sets the priority.
func Priority(n int32) PodOption { return func(p *corev1.Pod) { p.Spec.Priority = &n } }

// Spec changes the spec.
func Spec(f func(*corev1.PodSpec)) PodOption { return func(p *corev1.Pod) { f(p.Spec) } }

// On binds the pod to a node.
func On(node string) PodOption { return func(p *corev1.Pod) { p.Spec.NodeName = node } }

// Deleting marks the pod as being deleted.
func Deleting() PodOption {
	return func(p *corev1.Pod) { p.Metadata.DeletionTimestamp = &timestamppb.Timestamp{Seconds: 1} }
}

// HostPort adds a port on the node.
func HostPort(ip, protocol string, port int32) PodOption {
	return func(p *corev1.Pod) {
		c := p.Spec.Containers[0]
		c.Ports = append(c.Ports, &corev1.ContainerPort{HostIp: ip, Protocol: protocol, HostPort: port, ContainerPort: port})
	}
}

// Tolerate adds a toleration.
func Tolerate(key, operator, value, effect string) PodOption {
	return func(p *corev1.Pod) {
		p.Spec.Tolerations = append(p.Spec.Tolerations, &corev1.Toleration{Key: key, Operator: operator, Value: value, Effect: effect})
	}
}

// Gate adds a scheduling gate.
func Gate(name string) PodOption {
	return func(p *corev1.Pod) {
		p.Spec.SchedulingGates = append(p.Spec.SchedulingGates, &corev1.PodSchedulingGate{Name: name})
	}
}

// Node returns a node with room for 4 cores, 8 GiB and 110 pods, labelled with its name.
func Node(name string, opts ...NodeOption) *corev1.Node {
	n := &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: name, Uid: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
		Spec:     &corev1.NodeSpec{},
		Status:   &corev1.NodeStatus{},
	}
	Allocatable("cpu", "4", "memory", "8Gi", "pods", "110")(n)
	for _, o := range opts {
		o(n)
	}
	return n
}

// NodeInfo is Node, parsed, with pods on it.
func NodeInfo(node *corev1.Node, pods ...*corev1.Pod) *framework.NodeInfo {
	info := framework.NewNodeInfo(node)
	for _, p := range pods {
		info.AddPod(framework.NewPodInfo(p))
	}
	return info
}

// Allocatable sets what pods may use, as pairs.
func Allocatable(pairs ...string) NodeOption {
	return func(n *corev1.Node) {
		n.Status.Allocatable = Resources(pairs...)
		n.Status.Capacity = Resources(pairs...)
	}
}

// NodeLabels adds labels, as pairs.
func NodeLabels(pairs ...string) NodeOption {
	return func(n *corev1.Node) {
		for k, v := range stringMap(pairs) {
			n.Metadata.Labels[k] = v
		}
	}
}

// Zone sets the zone.
func Zone(zone string) NodeOption { return NodeLabels("topology.kubernetes.io/zone", zone) }

// Taint adds a taint.
func Taint(key, value, effect string) NodeOption {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, &corev1.Taint{Key: key, Value: value, Effect: effect})
	}
}

// Unschedulable cordons the node.
func Unschedulable() NodeOption { return func(n *corev1.Node) { n.Spec.Unschedulable = true } }

// Image adds an image of some size in bytes.
func Image(size int64, names ...string) NodeOption {
	return func(n *corev1.Node) {
		n.Status.Images = append(n.Status.Images, &corev1.ContainerImage{Names: names, SizeBytes: size})
	}
}

func stringMap(pairs []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}
