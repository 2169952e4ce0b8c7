package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// validateSelector checks a label selector; an unset one has nothing wrong.
func validateSelector(s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := validateLabels(s.MatchLabels, path.Child("matchLabels"))
	for i, r := range s.MatchExpressions {
		errs = append(errs, validateSelectorRequirement(r, path.Child("matchExpressions").Index(i))...)
	}
	return errs
}

func validateSelectorRequirement(r *metav1.LabelSelectorRequirement, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch r.Operator {
	case "In", "NotIn":
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(path.Child("values"), "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case "Exists", "DoesNotExist":
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(path.Child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	errs = append(errs, qualifiedName(path.Child("key"), r.Key)...)
	for i, v := range r.Values {
		errs = append(errs, each(path.Child("values").Index(i), v, validation.IsValidLabelValue(v))...)
	}
	return errs
}

// selectsNothingByName reports whether a selector is empty, which selects everything.
func emptySelector(s *metav1.LabelSelector) bool {
	return len(s.GetMatchLabels()) == 0 && len(s.GetMatchExpressions()) == 0
}

// selectorMatches evaluates a selector against labels. An invalid operator matches nothing.
func selectorMatches(s *metav1.LabelSelector, labels map[string]string) bool {
	for k, v := range s.GetMatchLabels() {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, r := range s.GetMatchExpressions() {
		value, has := labels[r.Key]
		in := false
		for _, v := range r.Values {
			in = in || has && v == value
		}
		switch r.Operator {
		case "In":
			if !in {
				return false
			}
		case "NotIn":
			if in {
				return false
			}
		case "Exists":
			if !has {
				return false
			}
		case "DoesNotExist":
			if has {
				return false
			}
		default:
			return false
		}
	}
	return true
}
