package framework

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// PodInfo is a pod with what the plugins need of it worked out once. It is never changed after NewPodInfo.
type PodInfo struct {
	Pod       *corev1.Pod
	UID       string
	Namespace string
	Name      string
	Labels    labels.Set

	// Requests is what the pod asks for; NonZero the same for CPU and memory with defaults for what is left open.
	Requests Resources
	NonZero  Resources
	// HostPorts are the ports it takes on its node.
	HostPorts []HostPort
	// NodeAffinity is where its nodeSelector and required node affinity let it go; nil for anywhere. Worked out for unbound pods only.
	NodeAffinity *RequiredNodeAffinity

	RequiredAffinity      []AffinityTerm
	RequiredAntiAffinity  []AffinityTerm
	PreferredAffinity     []WeightedAffinityTerm
	PreferredAntiAffinity []WeightedAffinityTerm

	// OwnerKey stands for the controller that keeps replicas of the pod (a hash of its uid): a ReplicaSet, StatefulSet or ReplicationController. Zero for other pods.
	OwnerKey uint64
}

// NewPodInfo works out what the plugins need of a pod.
func NewPodInfo(pod *corev1.Pod) *PodInfo {
	meta, spec := pod.GetMetadata(), pod.GetSpec()
	p := &PodInfo{
		Pod: pod, UID: meta.GetUid(), Namespace: meta.GetNamespace(), Name: meta.GetName(), Labels: meta.GetLabels(),
		HostPorts: hostPorts(spec),
	}
	p.Requests, p.NonZero = PodRequests(pod)
	if spec.GetNodeName() == "" {
		p.NodeAffinity = NewRequiredNodeAffinity(spec)
	}
	if a := spec.GetAffinity().GetPodAffinity(); a != nil {
		p.RequiredAffinity = affinityTerms(p, a.GetRequiredDuringSchedulingIgnoredDuringExecution())
		p.PreferredAffinity = weightedTerms(p, a.GetPreferredDuringSchedulingIgnoredDuringExecution())
	}
	if a := spec.GetAffinity().GetPodAntiAffinity(); a != nil {
		p.RequiredAntiAffinity = affinityTerms(p, a.GetRequiredDuringSchedulingIgnoredDuringExecution())
		p.PreferredAntiAffinity = weightedTerms(p, a.GetPreferredDuringSchedulingIgnoredDuringExecution())
	}
	for _, o := range meta.GetOwnerReferences() {
		if o.GetController() && (o.GetKind() == "ReplicaSet" || o.GetKind() == "StatefulSet" || o.GetKind() == "ReplicationController") {
			p.OwnerKey = hash64(o.GetUid())
		}
	}
	return p
}

// Key is namespace/name.
func (p *PodInfo) Key() string { return p.Namespace + "/" + p.Name }

// Terminating tells whether the pod is being deleted.
func (p *PodInfo) Terminating() bool { return p.Pod.GetMetadata().GetDeletionTimestamp() != nil }

// Priority is the pod's priority; zero when unset.
func (p *PodInfo) Priority() int32 { return p.Pod.GetSpec().GetPriority() }

// HasAffinity tells whether the pod has any pod affinity or anti-affinity.
func (p *PodInfo) HasAffinity() bool {
	return len(p.RequiredAffinity)+len(p.RequiredAntiAffinity)+len(p.PreferredAffinity)+len(p.PreferredAntiAffinity) > 0
}

// String names the pod in messages.
func (p *PodInfo) String() string { return fmt.Sprintf("%s (uid %s)", p.Key(), p.UID) }

// hash64 is FNV-1a. Keys only weigh in scores, so a collision costs at most a worse spread.
func hash64(s string) uint64 {
	if s == "" {
		return 0
	}
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
