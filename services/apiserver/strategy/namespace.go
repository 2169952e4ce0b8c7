package strategy

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

const (
	// namespaceFinalizer in spec.finalizers keeps a namespace until its content is gone.
	namespaceFinalizer = "kubernetes"
	// namespaceNameLabel lets selectors name a namespace; it always holds the name.
	namespaceNameLabel = "kubernetes.io/metadata.name"
)

func namespaceRules() rules[*corev1.Namespace] {
	return rules[*corev1.Namespace]{
		name:     labelName,
		defaults: defaultNamespace,
		validate: func(n *corev1.Namespace) field.ErrorList {
			var errs field.ErrorList
			for i, f := range n.GetSpec().GetFinalizers() {
				errs = append(errs, qualifiedName(field.NewPath("spec", "finalizers").Index(i), f)...)
			}
			return errs
		},
		validateUpdate: func(new, old *corev1.Namespace) field.ErrorList {
			for i, f := range new.GetSpec().GetFinalizers() {
				if !slices.Contains(old.GetSpec().GetFinalizers(), f) {
					return field.ErrorList{field.Forbidden(field.NewPath("spec", "finalizers").Index(i), "may only be removed after creation")}
				}
			}
			return nil
		},
		prepareCreate: func(n *corev1.Namespace) {
			n.Status = &corev1.NamespaceStatus{Phase: "Active"}
			if n.Spec == nil {
				n.Spec = &corev1.NamespaceSpec{}
			}
			if !slices.Contains(n.Spec.Finalizers, namespaceFinalizer) {
				n.Spec.Finalizers = append(n.Spec.Finalizers, namespaceFinalizer)
			}
		},
		prepareUpdate: func(new, old *corev1.Namespace) {
			// Nobody lifts the finalizers of a namespace that is to stay, not even by leaving them out.
			if old.GetMetadata().GetDeletionTimestamp() == nil || new.Spec == nil {
				new.Spec = old.Spec
			}
		},
	}
}

func defaultNamespace(n *corev1.Namespace) {
	m := kind.Metadata(n)
	if m.Name == "" {
		return
	}
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	m.Labels[namespaceNameLabel] = m.Name
}
