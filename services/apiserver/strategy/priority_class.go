package strategy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	schedulingv1 "kaji.dev/kaji/gen/kaji/scheduling/v1"
)

const (
	// maxUserPriority is the highest that a class of a user may have; above it is the system's.
	maxUserPriority     = 1_000_000_000
	systemPriorityClass = "system-"
)

func priorityClassRules() rules[*schedulingv1.PriorityClass] {
	return rules[*schedulingv1.PriorityClass]{
		defaults: func(c *schedulingv1.PriorityClass) { setDefaultPtr(&c.PreemptionPolicy, "PreemptLowerPriority") },
		validate: validatePriorityClass,
		validateUpdate: func(new, old *schedulingv1.PriorityClass) field.ErrorList {
			var errs field.ErrorList
			if new.Value != old.Value {
				errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update; make another class"))
			}
			if !samePtr(new.PreemptionPolicy, old.PreemptionPolicy) {
				errs = append(errs, field.Invalid(field.NewPath("preemptionPolicy"), new.GetPreemptionPolicy(), immutableMessage))
			}
			return errs
		},
	}
}

func validatePriorityClass(c *schedulingv1.PriorityClass) field.ErrorList {
	var errs field.ErrorList
	name := c.GetMetadata().GetName()
	switch {
	case !strings.HasPrefix(name, systemPriorityClass):
		if c.Value > maxUserPriority {
			errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %d", maxUserPriority)))
		}
	case SystemPriorities()[name] == 0 || SystemPriorities()[name] != c.Value || c.GlobalDefault:
		errs = append(errs, field.Forbidden(field.NewPath("metadata", "name"), "priority class names with 'system-' prefix are reserved for system use only"))
	}
	if c.PreemptionPolicy != nil {
		errs = append(errs, oneOf(field.NewPath("preemptionPolicy"), c.GetPreemptionPolicy(), "PreemptLowerPriority", "Never")...)
	}
	return errs
}

// SystemPriorities are the classes that every cluster has, with their values.
func SystemPriorities() map[string]int32 {
	return map[string]int32{"system-cluster-critical": priorityClusterCritical, "system-node-critical": priorityNodeCritical}
}
