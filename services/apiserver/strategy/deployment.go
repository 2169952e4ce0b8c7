package strategy

import (
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	rollingUpdate = "RollingUpdate"
	recreate      = "Recreate"
)

func deploymentRules() rules[*appsv1.Deployment] {
	return rules[*appsv1.Deployment]{
		defaults: defaultDeployment,
		validate: validateDeployment,
		validateUpdate: func(new, old *appsv1.Deployment) field.ErrorList {
			return validateImmutable(new.GetSpec().GetSelector(), old.GetSpec().GetSelector(), field.NewPath("spec", "selector"))
		},
		validateStatus: func(new, old *appsv1.Deployment) field.ErrorList {
			return validateDeploymentStatus(new.GetStatus(), old.GetStatus())
		},
		prepareCreate: func(d *appsv1.Deployment) { d.Status = &appsv1.DeploymentStatus{} },
	}
}

func defaultDeployment(d *appsv1.Deployment) {
	if d.Spec == nil {
		d.Spec = &appsv1.DeploymentSpec{}
	}
	s := d.Spec
	setDefaultPtr(&s.Replicas, int32(1))
	setDefaultPtr(&s.RevisionHistoryLimit, int32(10))
	setDefaultPtr(&s.ProgressDeadlineSeconds, int32(600))
	if s.Strategy == nil {
		s.Strategy = &appsv1.DeploymentStrategy{}
	}
	setDefault(&s.Strategy.Type, rollingUpdate)
	if s.Strategy.Type == rollingUpdate {
		if s.Strategy.RollingUpdate == nil {
			s.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
		}
		quarter := &metav1.IntOrString{Type: 1, StrVal: "25%"}
		r := s.Strategy.RollingUpdate
		if r.MaxUnavailable == nil {
			r.MaxUnavailable = proto.CloneOf(quarter)
		}
		if r.MaxSurge == nil {
			r.MaxSurge = proto.CloneOf(quarter)
		}
	}
	defaultTemplate(s.Template)
}

func validateDeployment(d *appsv1.Deployment) field.ErrorList {
	path, s := field.NewPath("spec"), d.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := nonNegative(path.Child("replicas"), int64(s.GetReplicas()))
	errs = append(errs, validateWorkloadSelector(s.Selector, s.Template, path)...)
	errs = append(errs, validateTemplate(s.Template, s.GetReplicas(), path.Child("template"))...)
	errs = append(errs, validateDeploymentStrategy(s.Strategy, path.Child("strategy"))...)
	errs = append(errs, nonNegative(path.Child("minReadySeconds"), int64(s.MinReadySeconds))...)
	errs = append(errs, nonNegative(path.Child("revisionHistoryLimit"), int64(s.GetRevisionHistoryLimit()))...)
	if p := s.ProgressDeadlineSeconds; p != nil {
		at := path.Child("progressDeadlineSeconds")
		errs = append(errs, nonNegative(at, int64(*p))...)
		if *p <= s.MinReadySeconds {
			errs = append(errs, field.Invalid(at, *p, "must be greater than minReadySeconds"))
		}
	}
	return errs
}

func validateDeploymentStrategy(s *appsv1.DeploymentStrategy, path *field.Path) field.ErrorList {
	switch s.GetType() {
	case recreate:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(path.Child("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'")}
		}
		return nil
	case rollingUpdate:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(path.Child("rollingUpdate"), "this should be defaulted and never be nil")}
		}
		return validateRollingUpdate(s.RollingUpdate, path.Child("rollingUpdate"))
	case "":
		return field.ErrorList{field.Required(path.Child("type"), "")}
	default:
		return oneOf(path.Child("type"), s.GetType(), recreate, rollingUpdate)
	}
}

func validateRollingUpdate(r *appsv1.RollingUpdateDeployment, path *field.Path) field.ErrorList {
	errs := validateShare(r.MaxUnavailable, path.Child("maxUnavailable"))
	errs = append(errs, validateShare(r.MaxSurge, path.Child("maxSurge"))...)
	if isZeroShare(r.MaxUnavailable) && isZeroShare(r.MaxSurge) {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), shareText(r.MaxUnavailable), "may not be 0 when `maxSurge` is 0"))
	}
	if n, ok := percentOf(r.MaxUnavailable); ok && n > 100 {
		errs = append(errs, field.Invalid(path.Child("maxUnavailable"), shareText(r.MaxUnavailable), "must not be greater than 100%"))
	}
	return errs
}

func validateDeploymentStatus(new, old *appsv1.DeploymentStatus) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	for _, f := range []struct {
		name  string
		value int32
	}{
		{"replicas", new.GetReplicas()}, {"updatedReplicas", new.GetUpdatedReplicas()}, {"readyReplicas", new.GetReadyReplicas()},
		{"availableReplicas", new.GetAvailableReplicas()}, {"unavailableReplicas", new.GetUnavailableReplicas()},
		{"collisionCount", new.GetCollisionCount()},
	} {
		errs = append(errs, nonNegative(path.Child(f.name), int64(f.value))...)
	}
	errs = append(errs, nonNegative(path.Child("observedGeneration"), new.GetObservedGeneration())...)
	notMore := func(name string, value, than int32, thanName string) {
		if value > than {
			errs = append(errs, field.Invalid(path.Child(name), value, "cannot be greater than "+thanName))
		}
	}
	notMore("updatedReplicas", new.GetUpdatedReplicas(), new.GetReplicas(), "status.replicas")
	notMore("readyReplicas", new.GetReadyReplicas(), new.GetReplicas(), "status.replicas")
	notMore("availableReplicas", new.GetAvailableReplicas(), new.GetReplicas(), "status.replicas")
	notMore("availableReplicas", new.GetAvailableReplicas(), new.GetReadyReplicas(), "readyReplicas")
	if old != nil && new.GetCollisionCount() < old.GetCollisionCount() {
		errs = append(errs, field.Invalid(path.Child("collisionCount"), new.GetCollisionCount(), "cannot be decremented"))
	}
	return errs
}

func shareText(v *metav1.IntOrString) any {
	if v.GetType() == 1 {
		return v.GetStrVal()
	}
	return v.GetIntVal()
}
