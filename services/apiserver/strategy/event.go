package strategy

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	maxEventWord    = 128
	maxEventMessage = 1024
	// clusterEvents is where events about cluster-wide objects live.
	clusterEvents = "default"
)

func eventRules() rules[*corev1.Event] {
	return rules[*corev1.Event]{validate: validateEvent}
}

func validateEvent(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	namespace, about := e.GetMetadata().GetNamespace(), e.GetInvolvedObject().GetNamespace()
	path := field.NewPath("involvedObject", "namespace")
	switch {
	case about == "" && namespace != clusterEvents && (e.EventTime == nil || namespace != "kube-system"):
		errs = append(errs, field.Invalid(path, about, "does not match event.namespace: events about cluster-wide objects belong into \"default\""))
	case about != "" && about != namespace:
		errs = append(errs, field.Invalid(path, about, "does not match event.namespace"))
	}
	if e.EventTime == nil {
		return errs
	}
	// What sets eventTime writes events in the newer way, which says who acted how.
	word := func(name, value string) {
		if value == "" {
			errs = append(errs, field.Required(field.NewPath(name), ""))
		}
		if len(value) > maxEventWord {
			errs = append(errs, field.Invalid(field.NewPath(name), "", fmt.Sprintf("can have at most %d characters", maxEventWord)))
		}
	}
	if e.ReportingComponent == "" {
		errs = append(errs, field.Required(field.NewPath("reportingController"), ""))
	} else {
		errs = append(errs, qualifiedName(field.NewPath("reportingController"), e.ReportingComponent)...)
	}
	word("reportingInstance", e.ReportingInstance)
	word("action", e.Action)
	word("reason", e.Reason)
	if len(e.Message) > maxEventMessage {
		errs = append(errs, field.Invalid(field.NewPath("message"), "", fmt.Sprintf("can have at most %d characters", maxEventMessage)))
	}
	if e.Series != nil {
		if e.Series.Count < 2 {
			errs = append(errs, field.Invalid(field.NewPath("series", "count"), e.Series.Count, "should be at least 2"))
		}
		if e.Series.LastObservedTime == nil {
			errs = append(errs, field.Required(field.NewPath("series", "lastObservedTime"), ""))
		}
	}
	return errs
}
