package admission

import (
	"context"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// ServiceAccount gives pods that name none the service account "default".
type ServiceAccount struct{}

// Mutate implements Mutator.
func (ServiceAccount) Mutate(_ context.Context, r *Request) error {
	pod, ok := r.Object.(*corev1.Pod)
	if !ok || r.Verb != metav1.Verb_VERB_CREATE || pod.GetSpec() == nil {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = "default"
	}
	// The old name of the same field.
	pod.Spec.ServiceAccount = pod.Spec.ServiceAccountName
	return nil
}
