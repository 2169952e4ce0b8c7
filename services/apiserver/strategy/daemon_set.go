package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func daemonSetRules() rules[*appsv1.DaemonSet] {
	return rules[*appsv1.DaemonSet]{
		defaults: defaultDaemonSet,
		validate: validateDaemonSet,
		validateUpdate: func(new, old *appsv1.DaemonSet) field.ErrorList {
			return validateImmutable(new.GetSpec().GetSelector(), old.GetSpec().GetSelector(), field.NewPath("spec", "selector"))
		},
		validateStatus: func(new, old *appsv1.DaemonSet) field.ErrorList {
			return validateDaemonSetStatus(new.GetStatus(), old.GetStatus())
		},
		prepareCreate: func(d *appsv1.DaemonSet) { d.Status = &appsv1.DaemonSetStatus{} },
	}
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	if d.Spec == nil {
		d.Spec = &appsv1.DaemonSetSpec{}
	}
	s := d.Spec
	setDefaultPtr(&s.RevisionHistoryLimit, int32(10))
	if s.UpdateStrategy == nil {
		s.UpdateStrategy = &appsv1.DaemonSetUpdateStrategy{}
	}
	setDefault(&s.UpdateStrategy.Type, rollingUpdate)
	if s.UpdateStrategy.Type == rollingUpdate {
		if s.UpdateStrategy.RollingUpdate == nil {
			s.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{}
		}
		r := s.UpdateStrategy.RollingUpdate
		if r.MaxUnavailable == nil {
			r.MaxUnavailable = &metav1.IntOrString{IntVal: 1}
		}
		if r.MaxSurge == nil {
			r.MaxSurge = &metav1.IntOrString{}
		}
	}
	defaultTemplate(s.Template)
}

func validateDaemonSet(d *appsv1.DaemonSet) field.ErrorList {
	path, s := field.NewPath("spec"), d.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := validateWorkloadSelector(s.Selector, s.Template, path)
	errs = append(errs, validateTemplate(s.Template, 0, path.Child("template"))...)
	errs = append(errs, nonNegative(path.Child("minReadySeconds"), int64(s.MinReadySeconds))...)
	errs = append(errs, nonNegative(path.Child("revisionHistoryLimit"), int64(s.GetRevisionHistoryLimit()))...)
	update := path.Child("updateStrategy")
	if s.GetUpdateStrategy().GetType() != rollingUpdate {
		return append(errs, oneOf(update.Child("type"), s.GetUpdateStrategy().GetType(), rollingUpdate, onDelete)...)
	}
	r := s.UpdateStrategy.RollingUpdate
	if r == nil {
		return append(errs, field.Required(update.Child("rollingUpdate"), ""))
	}
	return append(errs, validateRollingDaemonSet(r, update.Child("rollingUpdate"))...)
}

func validateRollingDaemonSet(r *appsv1.RollingUpdateDaemonSet, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for name, v := range map[string]*metav1.IntOrString{"maxUnavailable": r.MaxUnavailable, "maxSurge": r.MaxSurge} {
		errs = append(errs, validateShare(v, path.Child(name))...)
		if n, ok := percentOf(v); ok && n > 100 {
			errs = append(errs, field.Invalid(path.Child(name), shareText(v), "must not be greater than 100%"))
		}
	}
	switch away, more := !isZeroShare(r.MaxUnavailable), !isZeroShare(r.MaxSurge); {
	case away && more:
		errs = append(errs, field.Invalid(path.Child("maxSurge"), shareText(r.MaxSurge), "may not be set when maxUnavailable is non-zero"))
	case !away && !more:
		errs = append(errs, field.Required(path.Child("maxUnavailable"), "cannot be 0 when maxSurge is 0"))
	}
	return errs
}

func validateDaemonSetStatus(s, old *appsv1.DaemonSetStatus) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	for name, value := range map[string]int32{
		"currentNumberScheduled": s.GetCurrentNumberScheduled(), "numberMisscheduled": s.GetNumberMisscheduled(),
		"desiredNumberScheduled": s.GetDesiredNumberScheduled(), "numberReady": s.GetNumberReady(),
		"updatedNumberScheduled": s.GetUpdatedNumberScheduled(), "numberAvailable": s.GetNumberAvailable(),
		"numberUnavailable": s.GetNumberUnavailable(),
	} {
		errs = append(errs, nonNegative(path.Child(name), int64(value))...)
	}
	errs = append(errs, nonNegative(path.Child("observedGeneration"), s.GetObservedGeneration())...)
	return append(errs, validateCollisions(s.GetCollisionCount(), old.GetCollisionCount(), path.Child("collisionCount"))...)
}
