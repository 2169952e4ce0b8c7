package replicaset

import (
	"maps"
	"slices"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/services/controllers/owner"

	"google.golang.org/protobuf/proto"
)

// newPod makes a pod of the template. Its name is the server's to generate.
func newPod(rs *appsv1.ReplicaSet) *corev1.Pod {
	template := rs.GetSpec().GetTemplate()
	spec := proto.CloneOf(template.GetSpec())
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{
			GenerateName:    rs.GetMetadata().GetName() + "-",
			Namespace:       rs.GetMetadata().GetNamespace(),
			Labels:          maps.Clone(template.GetMetadata().GetLabels()),
			Annotations:     maps.Clone(template.GetMetadata().GetAnnotations()),
			Finalizers:      slices.Clone(template.GetMetadata().GetFinalizers()),
			OwnerReferences: []*metav1.OwnerReference{owner.Reference(rs)},
		},
		Spec: spec,
	}
}
