package strategy

import (
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	maxConditionReason  = 1 << 10
	maxConditionMessage = 32 << 10
)

var conditionReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

// validateConditions checks conditions of the form that newer kinds share.
func validateConditions(conditions []*metav1.Condition, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, c := range conditions {
		at := path.Index(i)
		if c.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), "must be set"))
		} else {
			errs = append(errs, qualifiedName(at.Child("type"), c.Type)...)
		}
		if seen[c.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), c.Type))
		}
		seen[c.Type] = true
		errs = append(errs, oneOf(at.Child("status"), c.Status, "False", "True", "Unknown")...)
		errs = append(errs, nonNegative(at.Child("observedGeneration"), c.ObservedGeneration)...)
		if c.LastTransitionTime.GetSeconds() == 0 && c.LastTransitionTime.GetNanos() == 0 {
			errs = append(errs, field.Required(at.Child("lastTransitionTime"), "must be set"))
		}
		switch {
		case c.Reason == "":
			errs = append(errs, field.Required(at.Child("reason"), "must be set"))
		case len(c.Reason) > maxConditionReason:
			errs = append(errs, field.TooLong(at.Child("reason"), "", maxConditionReason))
		case !conditionReason.MatchString(c.Reason):
			errs = append(errs, field.Invalid(at.Child("reason"), c.Reason, "must be one word that begins with a letter, such as InsufficientPods"))
		}
		if len(c.Message) > maxConditionMessage {
			errs = append(errs, field.TooLong(at.Child("message"), "", maxConditionMessage))
		}
	}
	return errs
}
