package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	nodev1 "kaji.dev/kaji/gen/kaji/node/v1"
)

func runtimeClassRules() rules[*nodev1.RuntimeClass] {
	return rules[*nodev1.RuntimeClass]{
		validate: validateRuntimeClass,
		validateUpdate: func(new, old *nodev1.RuntimeClass) field.ErrorList {
			if new.Handler != old.Handler {
				return field.ErrorList{field.Invalid(field.NewPath("handler"), new.Handler, immutableMessage)}
			}
			return nil
		},
	}
}

func validateRuntimeClass(r *nodev1.RuntimeClass) field.ErrorList {
	errs := each(field.NewPath("handler"), r.Handler, validation.IsDNS1123Label(r.Handler))
	if r.Overhead != nil {
		_, more := validateResourceList(r.Overhead.PodFixed, field.NewPath("overhead", "podFixed"), nil)
		errs = append(errs, more...)
	}
	if s := r.Scheduling; s != nil {
		errs = append(errs, validateLabels(s.NodeSelector, field.NewPath("scheduling", "nodeSelector"))...)
		errs = append(errs, validateTolerations(s.Tolerations, field.NewPath("scheduling", "tolerations"))...)
		for i, t := range s.Tolerations {
			for j := range i {
				if sameToleration(t, s.Tolerations[j]) {
					errs = append(errs, field.Duplicate(field.NewPath("scheduling", "tolerations").Index(i), t.Key))
					break
				}
			}
		}
	}
	return errs
}
