package strategy

import (
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const onDelete = "OnDelete"

func statefulSetRules() rules[*appsv1.StatefulSet] {
	return rules[*appsv1.StatefulSet]{
		name:           labelName, // its pods are called NAME-ORDINAL, and have that name in DNS
		defaults:       defaultStatefulSet,
		validate:       validateStatefulSet,
		validateUpdate: validateStatefulSetUpdate,
		validateStatus: func(new, old *appsv1.StatefulSet) field.ErrorList {
			return validateStatefulSetStatus(new.GetStatus(), old.GetStatus())
		},
		prepareCreate: func(s *appsv1.StatefulSet) { s.Status = &appsv1.StatefulSetStatus{} },
	}
}

func defaultStatefulSet(o *appsv1.StatefulSet) {
	if o.Spec == nil {
		o.Spec = &appsv1.StatefulSetSpec{}
	}
	s := o.Spec
	setDefaultPtr(&s.Replicas, int32(1))
	setDefaultPtr(&s.RevisionHistoryLimit, int32(10))
	setDefault(&s.PodManagementPolicy, "OrderedReady")
	if s.UpdateStrategy == nil {
		s.UpdateStrategy = &appsv1.StatefulSetUpdateStrategy{}
	}
	if s.UpdateStrategy.Type == "" {
		s.UpdateStrategy.Type = rollingUpdate
		if s.UpdateStrategy.RollingUpdate == nil {
			s.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
		}
	}
	if r := s.UpdateStrategy.RollingUpdate; r != nil && s.UpdateStrategy.Type == rollingUpdate {
		setDefaultPtr(&r.Partition, int32(0))
		if r.MaxUnavailable == nil {
			r.MaxUnavailable = &metav1.IntOrString{IntVal: 1}
		}
	}
	if s.PersistentVolumeClaimRetentionPolicy == nil {
		s.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{}
	}
	setDefault(&s.PersistentVolumeClaimRetentionPolicy.WhenDeleted, "Retain")
	setDefault(&s.PersistentVolumeClaimRetentionPolicy.WhenScaled, "Retain")
	for _, c := range s.VolumeClaimTemplates {
		defaultClaim(c)
	}
	defaultTemplate(s.Template)
}

func validateStatefulSet(o *appsv1.StatefulSet) field.ErrorList {
	path, s := field.NewPath("spec"), o.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := oneOf(path.Child("podManagementPolicy"), s.PodManagementPolicy, "OrderedReady", "Parallel")
	update := path.Child("updateStrategy")
	switch u := s.GetUpdateStrategy(); u.GetType() {
	case onDelete:
		if u.RollingUpdate != nil {
			errs = append(errs, field.Invalid(update.Child("rollingUpdate"), summary(u.RollingUpdate), "only allowed for updateStrategy 'RollingUpdate'"))
		}
	case rollingUpdate:
		errs = append(errs, validateRollingStatefulSet(u.RollingUpdate, update.Child("rollingUpdate"))...)
	case "":
		errs = append(errs, field.Required(update, ""))
	default:
		errs = append(errs, field.Invalid(update, u.Type, "must be 'RollingUpdate' or 'OnDelete'"))
	}
	retention := path.Child("persistentVolumeClaimRetentionPolicy")
	if p := s.PersistentVolumeClaimRetentionPolicy; p != nil {
		errs = append(errs, oneOf(retention.Child("whenDeleted"), p.WhenDeleted, "Retain", "Delete")...)
		errs = append(errs, oneOf(retention.Child("whenScaled"), p.WhenScaled, "Retain", "Delete")...)
	}
	for i, c := range s.VolumeClaimTemplates {
		errs = append(errs, validateClaimSpec(c.GetSpec(), path.Child("volumeClaimTemplates").Index(i).Child("spec"))...)
	}
	errs = append(errs, nonNegative(path.Child("replicas"), int64(s.GetReplicas()))...)
	errs = append(errs, nonNegative(path.Child("minReadySeconds"), int64(s.MinReadySeconds))...)
	errs = append(errs, nonNegative(path.Child("revisionHistoryLimit"), int64(s.GetRevisionHistoryLimit()))...)
	errs = append(errs, nonNegative(path.Child("ordinals", "start"), int64(s.GetOrdinals().GetStart()))...)
	if s.ServiceName != "" {
		errs = append(errs, each(path.Child("serviceName"), s.ServiceName, validation.IsDNS1123Label(s.ServiceName))...)
	}
	errs = append(errs, validateWorkloadSelector(s.Selector, s.Template, path)...)
	return append(errs, validateTemplate(templateOfStatefulSet(s), s.GetReplicas(), path.Child("template"))...)
}

// templateOfStatefulSet is the template with the volumes that its pods will have.
func templateOfStatefulSet(s *appsv1.StatefulSetSpec) *corev1.PodTemplateSpec {
	if s.GetTemplate().GetSpec() == nil {
		return s.GetTemplate()
	}
	t := proto.CloneOf(s.Template)
	// The controller says what these are.
	t.Spec.Subdomain, t.Spec.Hostname = "", ""
	claimed := map[string]bool{}
	var volumes []*corev1.Volume
	for _, c := range s.VolumeClaimTemplates {
		name := c.GetMetadata().GetName()
		claimed[name] = true
		volumes = append(volumes, &corev1.Volume{Name: name, VolumeSource: &corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
	}
	for _, v := range t.Spec.Volumes {
		if !claimed[v.Name] {
			volumes = append(volumes, v)
		}
	}
	t.Spec.Volumes = volumes
	return t
}

func validateRollingStatefulSet(r *appsv1.RollingUpdateStatefulSetStrategy, path *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	errs := nonNegative(path.Child("partition"), int64(r.GetPartition()))
	if m := r.MaxUnavailable; m != nil {
		at := path.Child("maxUnavailable")
		errs = append(errs, validateShare(m, at)...)
		if isZeroShare(m) {
			errs = append(errs, field.Invalid(at, shareText(m), "cannot be 0"))
		}
		if n, ok := percentOf(m); ok && n > 100 {
			errs = append(errs, field.Invalid(at, shareText(m), "must not be greater than 100%"))
		}
	}
	return errs
}

func validateStatefulSetUpdate(new, old *appsv1.StatefulSet) field.ErrorList {
	path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
	errs := validateImmutable(n.GetSelector(), o.GetSelector(), path.Child("selector"))
	claims := func(s *appsv1.StatefulSetSpec) *appsv1.StatefulSetSpec {
		return &appsv1.StatefulSetSpec{VolumeClaimTemplates: s.GetVolumeClaimTemplates()}
	}
	if !proto.Equal(claims(n), claims(o)) {
		errs = append(errs, field.Invalid(path.Child("volumeClaimTemplates"), field.OmitValueType{},
			immutableMessage+"; to change claims, delete the StatefulSet with --cascade=orphan and create it again"))
	}
	for name, pair := range map[string][2]string{
		"serviceName":         {n.GetServiceName(), o.GetServiceName()},
		"podManagementPolicy": {n.GetPodManagementPolicy(), o.GetPodManagementPolicy()},
	} {
		if pair[0] != pair[1] {
			errs = append(errs, field.Invalid(path.Child(name), pair[0], immutableMessage))
		}
	}
	return errs
}

func validateStatefulSetStatus(s, old *appsv1.StatefulSetStatus) field.ErrorList {
	path := field.NewPath("status")
	errs := nonNegative(path.Child("replicas"), int64(s.GetReplicas()))
	for name, value := range map[string]int32{
		"readyReplicas": s.GetReadyReplicas(), "currentReplicas": s.GetCurrentReplicas(),
		"updatedReplicas": s.GetUpdatedReplicas(), "availableReplicas": s.GetAvailableReplicas(),
	} {
		errs = append(errs, nonNegative(path.Child(name), int64(value))...)
		if value > s.GetReplicas() {
			errs = append(errs, field.Invalid(path.Child(name), value, "cannot be greater than status.replicas"))
		}
	}
	if s.GetAvailableReplicas() > s.GetReadyReplicas() {
		errs = append(errs, field.Invalid(path.Child("availableReplicas"), s.GetAvailableReplicas(), "cannot be greater than status.readyReplicas"))
	}
	errs = append(errs, nonNegative(path.Child("observedGeneration"), s.GetObservedGeneration())...)
	return append(errs, validateCollisions(s.GetCollisionCount(), old.GetCollisionCount(), path.Child("collisionCount"))...)
}

// validateCollisions checks how often the name of a revision was taken: names made with it must not come again.
func validateCollisions(new, old int32, path *field.Path) field.ErrorList {
	errs := nonNegative(path, int64(new))
	if new < old {
		errs = append(errs, field.Invalid(path, new, "cannot be decremented"))
	}
	return errs
}
