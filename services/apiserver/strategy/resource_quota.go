package strategy

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

var quotaScopes = []string{
	"BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass", "Terminating", "VolumeAttributesClass",
}

func resourceQuotaRules() rules[*corev1.ResourceQuota] {
	return rules[*corev1.ResourceQuota]{
		validate: validateResourceQuota,
		validateUpdate: func(new, old *corev1.ResourceQuota) field.ErrorList {
			if slices.Equal(slices.Sorted(slices.Values(new.GetSpec().GetScopes())), slices.Sorted(slices.Values(old.GetSpec().GetScopes()))) {
				return nil
			}
			return field.ErrorList{field.Invalid(field.NewPath("spec", "scopes"), new.GetSpec().GetScopes(), immutableMessage)}
		},
		validateStatus: func(new, _ *corev1.ResourceQuota) field.ErrorList {
			_, errs := validateResourceList(new.GetStatus().GetHard(), field.NewPath("status", "hard"), nil)
			_, more := validateResourceList(new.GetStatus().GetUsed(), field.NewPath("status", "used"), nil)
			return append(errs, more...)
		},
		prepareCreate: func(q *corev1.ResourceQuota) { q.Status = &corev1.ResourceQuotaStatus{} },
	}
}

func validateResourceQuota(q *corev1.ResourceQuota) field.ErrorList {
	path, s := field.NewPath("spec"), q.GetSpec()
	_, errs := validateResourceList(s.GetHard(), path.Child("hard"), nil)
	seen := map[string]bool{}
	for i, scope := range s.GetScopes() {
		errs = append(errs, oneOf(path.Child("scopes").Index(i), scope, quotaScopes...)...)
		seen[scope] = true
	}
	for _, pair := range [][2]string{{"BestEffort", "NotBestEffort"}, {"Terminating", "NotTerminating"}} {
		if seen[pair[0]] && seen[pair[1]] {
			errs = append(errs, field.Invalid(path.Child("scopes"), s.GetScopes(), "conflicting scopes "+pair[0]+" and "+pair[1]))
		}
	}
	for i, r := range s.GetScopeSelector().GetMatchExpressions() {
		at := path.Child("scopeSelector", "matchExpressions").Index(i)
		errs = append(errs, oneOf(at.Child("scopeName"), r.ScopeName, quotaScopes...)...)
		errs = append(errs, oneOf(at.Child("operator"), r.Operator, "DoesNotExist", "Exists", "In", "NotIn")...)
		switch in := r.Operator == "In" || r.Operator == "NotIn"; {
		case in && len(r.Values) == 0:
			errs = append(errs, field.Required(at.Child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"))
		case !in && len(r.Values) > 0:
			errs = append(errs, field.Invalid(at.Child("values"), r.Values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"))
		}
	}
	return errs
}
