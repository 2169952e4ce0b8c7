package strategy

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func podRules() rules[*corev1.Pod] {
	return rules[*corev1.Pod]{
		defaults:       defaultPod,
		validate:       validatePod,
		validateCreate: validatePodCreate,
		validateUpdate: validatePodUpdate,
		validateStatus: validatePodStatus,
		prepareCreate:  preparePod,
		prepareUpdate: func(new, old *corev1.Pod) {
			if new.Status == nil {
				new.Status = old.Status
			}
			// They were given when it was created.
			if n, o := new.GetSpec(), old.GetSpec(); n != nil && o != nil {
				if n.Priority == nil {
					n.Priority = o.Priority
				}
				if n.PreemptionPolicy == nil {
					n.PreemptionPolicy = o.PreemptionPolicy
				}
			}
			requireLabelKeys(new, old.GetMetadata().GetLabels(), true)
		},
		parts: map[string]part[*corev1.Pod]{
			"ephemeralcontainers": {takeEphemeralContainers, validateEphemeralContainersUpdate},
			"resize":              {resized, validateResize},
		},
	}
}

// preparePod gives a new pod the status it starts with; nothing of what the client sent as status stays.
func preparePod(p *corev1.Pod) {
	requireLabelKeys(p, p.GetMetadata().GetLabels(), false)
	p.Status = &corev1.PodStatus{Phase: "Pending", QosClass: qosClass(p.GetSpec())}
	if len(p.GetSpec().GetSchedulingGates()) > 0 {
		p.Status.Conditions = []*corev1.PodCondition{{
			Type:    "PodScheduled",
			Status:  "False",
			Reason:  "SchedulingGated",
			Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
}

func validatePod(p *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := validatePodSpec(p.GetSpec(), path)
	if p.GetSpec().GetNodeName() != "" && len(p.GetSpec().GetSchedulingGates()) > 0 {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	return errs
}

// validatePodCreate checks what only a pod that is there already may have.
func validatePodCreate(p *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	for i := range p.GetSpec().GetEphemeralContainers() {
		errs = append(errs, field.Forbidden(path.Child("ephemeralContainers").Index(i),
			"cannot be set on create; ephemeral containers are added to a running pod"))
	}
	return errs
}
