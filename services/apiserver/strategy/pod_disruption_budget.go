package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
)

func podDisruptionBudgetRules() rules[*policyv1.PodDisruptionBudget] {
	return rules[*policyv1.PodDisruptionBudget]{
		defaults: func(b *policyv1.PodDisruptionBudget) {
			if b.Spec == nil {
				b.Spec = &policyv1.PodDisruptionBudgetSpec{}
			}
		},
		validate: validatePodDisruptionBudget,
		validateStatus: func(new, _ *policyv1.PodDisruptionBudget) field.ErrorList {
			return validateBudgetStatus(new.GetStatus())
		},
		prepareCreate: func(b *policyv1.PodDisruptionBudget) { b.Status = &policyv1.PodDisruptionBudgetStatus{} },
	}
}

func validatePodDisruptionBudget(b *policyv1.PodDisruptionBudget) field.ErrorList {
	path, s := field.NewPath("spec"), b.GetSpec()
	var errs field.ErrorList
	if s.GetMinAvailable() != nil && s.GetMaxUnavailable() != nil {
		errs = append(errs, field.Invalid(path, summary(s), "minAvailable and maxUnavailable cannot be both set"))
	}
	for name, v := range map[string]*metav1.IntOrString{"minAvailable": s.GetMinAvailable(), "maxUnavailable": s.GetMaxUnavailable()} {
		if v == nil {
			continue
		}
		errs = append(errs, validateShare(v, path.Child(name))...)
		if n, ok := percentOf(v); ok && n > 100 {
			errs = append(errs, field.Invalid(path.Child(name), shareText(v), "must not be greater than 100%"))
		}
	}
	errs = append(errs, validateSelector(s.GetSelector(), path.Child("selector"))...)
	if s.GetUnhealthyPodEvictionPolicy() != "" {
		errs = append(errs, oneOf(path.Child("unhealthyPodEvictionPolicy"), s.GetUnhealthyPodEvictionPolicy(), "AlwaysAllow", "IfHealthyBudget")...)
	}
	return errs
}

func validateBudgetStatus(s *policyv1.PodDisruptionBudgetStatus) field.ErrorList {
	path := field.NewPath("status")
	errs := validateConditions(s.GetConditions(), path.Child("conditions"))
	for name, value := range map[string]int32{
		"disruptionsAllowed": s.GetDisruptionsAllowed(), "currentHealthy": s.GetCurrentHealthy(),
		"desiredHealthy": s.GetDesiredHealthy(), "expectedPods": s.GetExpectedPods(),
	} {
		errs = append(errs, nonNegative(path.Child(name), int64(value))...)
	}
	return errs
}
