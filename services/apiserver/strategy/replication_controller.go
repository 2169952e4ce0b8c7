package strategy

import (
	"maps"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func replicationControllerRules() rules[*corev1.ReplicationController] {
	return rules[*corev1.ReplicationController]{
		defaults: func(r *corev1.ReplicationController) {
			if r.Spec == nil {
				r.Spec = &corev1.ReplicationControllerSpec{}
			}
			setDefaultPtr(&r.Spec.Replicas, int32(1))
			if labels := r.Spec.GetTemplate().GetMetadata().GetLabels(); len(labels) > 0 {
				if len(r.Spec.Selector) == 0 {
					r.Spec.Selector = maps.Clone(labels)
				}
				if len(r.GetMetadata().GetLabels()) == 0 {
					kind.Metadata(r).Labels = maps.Clone(labels)
				}
			}
			defaultTemplate(r.Spec.Template)
		},
		validate: func(r *corev1.ReplicationController) field.ErrorList {
			path, s := field.NewPath("spec"), r.GetSpec()
			if s == nil {
				return field.ErrorList{field.Required(path, "")}
			}
			errs := nonNegative(path.Child("replicas"), int64(s.GetReplicas()))
			errs = append(errs, nonNegative(path.Child("minReadySeconds"), int64(s.MinReadySeconds))...)
			switch labels := s.GetTemplate().GetMetadata().GetLabels(); {
			case len(s.Selector) == 0:
				errs = append(errs, field.Required(path.Child("selector"), ""))
			case s.Template != nil && !selectorMatches(&metav1.LabelSelector{MatchLabels: s.Selector}, labels):
				errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), labels, "`selector` does not match template `labels`"))
			}
			return append(errs, validateTemplate(s.Template, s.GetReplicas(), path.Child("template"))...)
		},
		validateStatus: func(new, _ *corev1.ReplicationController) field.ErrorList {
			path, s := field.NewPath("status"), new.GetStatus()
			var errs field.ErrorList
			for name, value := range map[string]int32{
				"fullyLabeledReplicas": s.GetFullyLabeledReplicas(), "readyReplicas": s.GetReadyReplicas(), "availableReplicas": s.GetAvailableReplicas(),
			} {
				errs = append(errs, nonNegative(path.Child(name), int64(value))...)
				if value > s.GetReplicas() {
					errs = append(errs, field.Invalid(path.Child(name), value, "cannot be greater than status.replicas"))
				}
			}
			return append(errs, nonNegative(path.Child("observedGeneration"), s.GetObservedGeneration())...)
		},
		prepareCreate: func(r *corev1.ReplicationController) { r.Status = &corev1.ReplicationControllerStatus{} },
	}
}

func podTemplateRules() rules[*corev1.PodTemplate] {
	return rules[*corev1.PodTemplate]{
		defaults: func(t *corev1.PodTemplate) { defaultTemplate(t.Template) },
		validate: func(t *corev1.PodTemplate) field.ErrorList {
			return validatePodTemplate(t.GetTemplate(), field.NewPath("template"))
		},
	}
}
