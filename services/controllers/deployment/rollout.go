package deployment

import (
	"cmp"
	"slices"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"google.golang.org/protobuf/proto"
)

// Strategies.
const (
	strategyRecreate = "Recreate"
	strategyRolling  = "RollingUpdate"
)

// rollout is a deployment and its replica sets as they are. What is decided from it is pure.
type rollout struct {
	d    *appsv1.Deployment
	next *appsv1.ReplicaSet   // the one with the deployment's template; nil while there is none
	old  []*appsv1.ReplicaSet // the others, oldest first
}

// scaling is one replica set's new size.
type scaling struct {
	rs   *appsv1.ReplicaSet
	size int32
}

// arrange sorts a deployment's replica sets out.
func arrange(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) rollout {
	r := rollout{d: d}
	sets = slices.Clone(sets)
	slices.SortFunc(sets, olderFirst)
	for _, rs := range sets {
		// Should two have the template, the older is it: the choice must not change.
		if r.next == nil && sameTemplate(rs.GetSpec().GetTemplate(), d.GetSpec().GetTemplate()) {
			r.next = rs
			continue
		}
		r.old = append(r.old, rs)
	}
	return r
}

func olderFirst(a, b *appsv1.ReplicaSet) int {
	return cmp.Or(
		a.GetMetadata().GetCreationTimestamp().AsTime().Compare(b.GetMetadata().GetCreationTimestamp().AsTime()),
		cmp.Compare(a.GetMetadata().GetName(), b.GetMetadata().GetName()),
	)
}

// sameTemplate compares templates but for the label that the controller adds.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	return proto.Equal(withoutHash(a.GetMetadata()), withoutHash(b.GetMetadata())) && proto.Equal(a.GetSpec(), b.GetSpec())
}

// withoutHash returns the metadata without the label, never nil.
func withoutHash(m *metav1.ObjectMeta) *metav1.ObjectMeta {
	if m == nil {
		return &metav1.ObjectMeta{}
	}
	if _, ok := m.GetLabels()[hashLabel]; !ok {
		return m
	}
	m = proto.CloneOf(m)
	delete(m.Labels, hashLabel)
	return m
}

// all returns every replica set, oldest first, the new one last.
func (r rollout) all() []*appsv1.ReplicaSet {
	if r.next == nil {
		return r.old
	}
	return append(slices.Clone(r.old), r.next)
}

func active(sets []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	var active []*appsv1.ReplicaSet
	for _, rs := range sets {
		if size(rs) > 0 {
			active = append(active, rs)
		}
	}
	return active
}

// size is how many replicas a replica set is to have.
func size(rs *appsv1.ReplicaSet) int32 {
	if rs == nil {
		return 0
	}
	if rs.GetSpec().Replicas == nil {
		return 1
	}
	return rs.GetSpec().GetReplicas()
}

func total(sets []*appsv1.ReplicaSet) int32 {
	var n int32
	for _, rs := range sets {
		n += size(rs)
	}
	return n
}

// availableOf is how many replicas of a set are available and will stay: a set that was scaled down a moment ago may still
// report those that are about to go.
func availableOf(rs *appsv1.ReplicaSet) int32 {
	return min(size(rs), rs.GetStatus().GetAvailableReplicas())
}

// wanted is how many replicas a deployment is to have.
func wanted(d *appsv1.Deployment) int32 {
	if d.GetSpec().Replicas == nil {
		return 1
	}
	return d.GetSpec().GetReplicas()
}

func isRolling(d *appsv1.Deployment) bool {
	return d.GetSpec().GetStrategy().GetType() != strategyRecreate
}
