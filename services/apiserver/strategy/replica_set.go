package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

func replicaSetRules() rules[*appsv1.ReplicaSet] {
	return rules[*appsv1.ReplicaSet]{
		defaults: func(r *appsv1.ReplicaSet) {
			if r.Spec == nil {
				r.Spec = &appsv1.ReplicaSetSpec{}
			}
			setDefaultPtr(&r.Spec.Replicas, int32(1))
			defaultTemplate(r.Spec.Template)
		},
		validate: func(r *appsv1.ReplicaSet) field.ErrorList {
			path, s := field.NewPath("spec"), r.GetSpec()
			if s == nil {
				return field.ErrorList{field.Required(path, "")}
			}
			errs := nonNegative(path.Child("replicas"), int64(s.GetReplicas()))
			errs = append(errs, nonNegative(path.Child("minReadySeconds"), int64(s.MinReadySeconds))...)
			errs = append(errs, validateWorkloadSelector(s.Selector, s.Template, path)...)
			return append(errs, validateTemplate(s.Template, s.GetReplicas(), path.Child("template"))...)
		},
		validateUpdate: func(new, old *appsv1.ReplicaSet) field.ErrorList {
			return validateImmutable(new.GetSpec().GetSelector(), old.GetSpec().GetSelector(), field.NewPath("spec", "selector"))
		},
		validateStatus: func(new, _ *appsv1.ReplicaSet) field.ErrorList { return validateReplicaSetStatus(new.GetStatus()) },
		prepareCreate:  func(r *appsv1.ReplicaSet) { r.Status = &appsv1.ReplicaSetStatus{} },
	}
}

func validateReplicaSetStatus(s *appsv1.ReplicaSetStatus) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	for _, f := range []struct {
		name  string
		value int32
	}{
		{"replicas", s.GetReplicas()}, {"fullyLabeledReplicas", s.GetFullyLabeledReplicas()},
		{"readyReplicas", s.GetReadyReplicas()}, {"availableReplicas", s.GetAvailableReplicas()},
	} {
		errs = append(errs, nonNegative(path.Child(f.name), int64(f.value))...)
		if f.value > s.GetReplicas() {
			errs = append(errs, field.Invalid(path.Child(f.name), f.value, "cannot be greater than status.replicas"))
		}
	}
	if s.GetAvailableReplicas() > s.GetReadyReplicas() {
		errs = append(errs, field.Invalid(path.Child("availableReplicas"), s.GetAvailableReplicas(), "cannot be greater than readyReplicas"))
	}
	return append(errs, nonNegative(path.Child("observedGeneration"), s.GetObservedGeneration())...)
}
