package strategy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
)

func leaseRules() rules[*coordinationv1.Lease] {
	return rules[*coordinationv1.Lease]{validate: validateLease}
}

func validateLease(l *coordinationv1.Lease) field.ErrorList {
	var errs field.ErrorList
	path, s := field.NewPath("spec"), l.GetSpec()
	if s == nil {
		return nil
	}
	if s.LeaseDurationSeconds != nil && *s.LeaseDurationSeconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("leaseDurationSeconds"), *s.LeaseDurationSeconds, "must be greater than 0"))
	}
	if s.LeaseTransitions != nil && *s.LeaseTransitions < 0 {
		errs = append(errs, field.Invalid(path.Child("leaseTransitions"), *s.LeaseTransitions, "must be greater than or equal to 0"))
	}
	if s.Strategy != nil && *s.Strategy != "OldestEmulationVersion" && !strings.Contains(*s.Strategy, "/") {
		errs = append(errs, field.NotSupported(path.Child("strategy"), *s.Strategy, []string{"OldestEmulationVersion", "<domain>/<name>"}))
	}
	if s.GetPreferredHolder() != "" && s.GetStrategy() == "" {
		errs = append(errs, field.Forbidden(path.Child("preferredHolder"), "may only be specified if `strategy` is defined"))
	}
	return errs
}
