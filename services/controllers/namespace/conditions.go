package namespace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// remaining is what a namespace still holds: counts by kind, and by finalizer.
type remaining struct {
	objects, finalizers map[string]int
}

func (r *remaining) note(k *kind.Kind, m *metav1.ObjectMeta) {
	r.objects[k.String()]++
	for _, f := range m.GetFinalizers() {
		r.finalizers[f]++
	}
}

func (r *remaining) total() int {
	n := 0
	for _, c := range r.objects {
		n += c
	}
	return n
}

func counts(m map[string]int, noun string) string {
	var parts []string
	for name, n := range m {
		parts = append(parts, fmt.Sprintf("%s has %d %s", name, n, noun))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// conditions say why a namespace is not gone yet, in Kubernetes' words.
func conditions(left remaining, failed error) []*corev1.NamespaceCondition {
	content := &corev1.NamespaceCondition{Type: "NamespaceContentRemaining", Status: "False", Reason: "ContentRemoved", Message: "All content successfully removed"}
	if left.total() > 0 {
		content.Status, content.Reason = "True", "SomeResourcesRemain"
		content.Message = "Some resources are remaining: " + counts(left.objects, "resource instances")
	}
	finalizers := &corev1.NamespaceCondition{Type: "NamespaceFinalizersRemaining", Status: "False", Reason: "ContentHasNoFinalizers", Message: "All content-preserving finalizers finished"}
	if len(left.finalizers) > 0 {
		finalizers.Status, finalizers.Reason = "True", "SomeFinalizersRemain"
		finalizers.Message = "Some content in the namespace has finalizers remaining: " + counts(left.finalizers, "resource instances")
	}
	failure := &corev1.NamespaceCondition{Type: "NamespaceDeletionContentFailure", Status: "False", Reason: "ContentDeleted", Message: "All content successfully deleted, may be waiting on finalization"}
	if failed != nil {
		failure.Status, failure.Reason = "True", "ContentDeletionFailed"
		failure.Message = "Failed to delete all resource types: " + failed.Error()
	}
	return []*corev1.NamespaceCondition{failure, content, finalizers}
}

// report writes the conditions when they say something new.
func (c *controller) report(ctx context.Context, ns *corev1.Namespace, left remaining, failed error) (*corev1.Namespace, error) {
	next := proto.CloneOf(ns)
	if next.Status == nil {
		next.Status = &corev1.NamespaceStatus{}
	}
	next.Status.Phase = "Terminating"
	for _, want := range conditions(left, failed) {
		set(next.Status, want)
	}
	if proto.Equal(next.GetStatus(), ns.GetStatus()) {
		return ns, nil
	}
	return c.namespaces.Resource().UpdateStatus(ctx, next)
}

func set(status *corev1.NamespaceStatus, want *corev1.NamespaceCondition) {
	for _, have := range status.Conditions {
		if have.GetType() != want.GetType() {
			continue
		}
		if have.GetStatus() != want.GetStatus() {
			have.LastTransitionTime = timestamppb.Now()
		}
		have.Status, have.Reason, have.Message = want.Status, want.Reason, want.Message
		return
	}
	want.LastTransitionTime = timestamppb.Now()
	status.Conditions = append(status.Conditions, want)
}
