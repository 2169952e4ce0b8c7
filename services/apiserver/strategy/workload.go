package strategy

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// validateWorkloadSelector checks that a workload selects something, and that what it makes is among it.
func validateWorkloadSelector(s *metav1.LabelSelector, t *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(path.Child("selector"), "")}
	}
	errs := validateSelector(s, path.Child("selector"))
	if emptySelector(s) {
		return append(errs, field.Invalid(path.Child("selector"), summary(s), "empty selector is invalid: it would select every pod of the namespace"))
	}
	if len(errs) == 0 && t != nil && !selectorMatches(s, t.GetMetadata().GetLabels()) {
		errs = append(errs, field.Invalid(path.Child("template", "metadata", "labels"), t.GetMetadata().GetLabels(), "`selector` does not match template `labels`"))
	}
	return errs
}

// validatePodTemplate checks what pods are made from, whatever makes them.
func validatePodTemplate(t *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	m := path.Child("metadata")
	errs := validateLabels(t.GetMetadata().GetLabels(), m.Child("labels"))
	errs = append(errs, validateAnnotations(t.GetMetadata().GetAnnotations(), m.Child("annotations"))...)
	errs = append(errs, validateFinalizers(t.GetMetadata().GetFinalizers(), m.Child("finalizers"))...)
	spec := path.Child("spec")
	errs = append(errs, validatePodSpec(t.GetSpec(), spec)...)
	if len(t.GetSpec().GetEphemeralContainers()) > 0 {
		errs = append(errs, field.Forbidden(spec.Child("ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// validateTemplate checks the pods that a workload makes for ever: they restart, and have no deadline.
func validateTemplate(t *corev1.PodTemplateSpec, replicas int32, path *field.Path) field.ErrorList {
	if t == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	spec := path.Child("spec")
	errs := validatePodTemplate(t, path)
	if p := t.GetSpec().GetRestartPolicy(); p != "" && p != "Always" {
		errs = append(errs, field.NotSupported(spec.Child("restartPolicy"), p, []string{"Always"}))
	}
	if t.GetSpec().GetActiveDeadlineSeconds() != 0 {
		errs = append(errs, field.Forbidden(spec.Child("activeDeadlineSeconds"), "activeDeadlineSeconds in a workload that keeps its pods running is not supported"))
	}
	if replicas > 1 {
		for i, v := range t.GetSpec().GetVolumes() {
			if d := v.GetVolumeSource().GetGcePersistentDisk(); d != nil && !d.ReadOnly {
				errs = append(errs, field.Invalid(spec.Child("volumes").Index(i).Child("gcePersistentDisk", "readOnly"), false,
					"must be true for replicated pods > 1; GCE PD can only be mounted on multiple machines if it is read-only"))
			}
		}
	}
	return errs
}

// percentOf reads "25%"; ok is false for what is no percentage.
func percentOf(v *metav1.IntOrString) (int32, bool) {
	if v.GetType() != 1 || !strings.HasSuffix(v.GetStrVal(), "%") {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(v.GetStrVal(), "%"), 10, 32)
	return int32(n), err == nil
}

// validateShare checks a number of pods, given as such or as a share of all.
func validateShare(v *metav1.IntOrString, path *field.Path) field.ErrorList {
	if v.GetType() == 1 {
		return each(path, v.GetStrVal(), validation.IsValidPercent(v.GetStrVal()))
	}
	return nonNegative(path, int64(v.GetIntVal()))
}

// isZeroShare says whether a number or share of pods is nothing at all.
func isZeroShare(v *metav1.IntOrString) bool {
	if v.GetType() == 1 {
		n, ok := percentOf(v)
		return ok && n == 0
	}
	return v.GetIntVal() == 0
}
