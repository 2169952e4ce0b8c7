package strategy

import (
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	autoscalingv2 "kaji.dev/kaji/gen/kaji/autoscaling/v2"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	maxStabilization = 3600
	maxScalingPeriod = 1800
)

func horizontalPodAutoscalerRules() rules[*autoscalingv2.HorizontalPodAutoscaler] {
	return rules[*autoscalingv2.HorizontalPodAutoscaler]{
		defaults: defaultAutoscaler,
		validate: validateAutoscaler,
		validateStatus: func(new, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
			errs := nonNegative(field.NewPath("status", "currentReplicas"), int64(new.GetStatus().GetCurrentReplicas()))
			return append(errs, nonNegative(field.NewPath("status", "desiredReplicas"), int64(new.GetStatus().GetDesiredReplicas()))...)
		},
		prepareCreate: func(h *autoscalingv2.HorizontalPodAutoscaler) {
			h.Status = &autoscalingv2.HorizontalPodAutoscalerStatus{}
		},
	}
}

func defaultAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	if h.Spec == nil {
		h.Spec = &autoscalingv2.HorizontalPodAutoscalerSpec{}
	}
	s := h.Spec
	setDefaultPtr(&s.MinReplicas, int32(1))
	if len(s.Metrics) == 0 {
		s.Metrics = []*autoscalingv2.MetricSpec{{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{
			Name: "cpu", Target: &autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: proto.Int32(80)},
		}}}
	}
	b := s.Behavior
	if b == nil {
		return
	}
	all := func() *autoscalingv2.HPAScalingPolicy {
		return &autoscalingv2.HPAScalingPolicy{Type: "Percent", Value: 100, PeriodSeconds: 15}
	}
	if b.ScaleUp == nil {
		b.ScaleUp = &autoscalingv2.HPAScalingRules{}
	}
	setDefaultPtr(&b.ScaleUp.StabilizationWindowSeconds, int32(0))
	setDefaultPtr(&b.ScaleUp.SelectPolicy, "Max")
	if len(b.ScaleUp.Policies) == 0 {
		b.ScaleUp.Policies = []*autoscalingv2.HPAScalingPolicy{{Type: "Pods", Value: 4, PeriodSeconds: 15}, all()}
	}
	if b.ScaleDown == nil {
		b.ScaleDown = &autoscalingv2.HPAScalingRules{}
	}
	setDefaultPtr(&b.ScaleDown.SelectPolicy, "Max")
	if len(b.ScaleDown.Policies) == 0 {
		b.ScaleDown.Policies = []*autoscalingv2.HPAScalingPolicy{all()}
	}
}

func validateAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	path, s := field.NewPath("spec"), h.GetSpec()
	var errs field.ErrorList
	ref := path.Child("scaleTargetRef")
	if s.GetScaleTargetRef().GetKind() == "" {
		errs = append(errs, field.Required(ref.Child("kind"), ""))
	}
	if s.GetScaleTargetRef().GetName() == "" {
		errs = append(errs, field.Required(ref.Child("name"), ""))
	}
	if s != nil && s.MinReplicas != nil && s.GetMinReplicas() < 1 {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), s.GetMinReplicas(), "must be greater than or equal to 1"))
	}
	if s.GetMaxReplicas() < 1 {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), s.GetMaxReplicas(), "must be greater than 0"))
	}
	if s.GetMaxReplicas() < s.GetMinReplicas() {
		errs = append(errs, field.Invalid(path.Child("maxReplicas"), s.GetMaxReplicas(), "must be greater than or equal to `minReplicas`"))
	}
	for i, m := range s.GetMetrics() {
		errs = append(errs, validateMetric(m, path.Child("metrics").Index(i))...)
	}
	errs = append(errs, validateScalingRules(s.GetBehavior().GetScaleUp(), path.Child("behavior", "scaleUp"))...)
	return append(errs, validateScalingRules(s.GetBehavior().GetScaleDown(), path.Child("behavior", "scaleDown"))...)
}

func validateMetric(m *autoscalingv2.MetricSpec, path *field.Path) field.ErrorList {
	targets := map[string]*autoscalingv2.MetricTarget{}
	names := map[string]string{}
	add := func(kind string, set bool, target *autoscalingv2.MetricTarget, name string) {
		if set {
			targets[kind], names[kind] = target, name
		}
	}
	add("Object", m.Object != nil, m.GetObject().GetTarget(), m.GetObject().GetMetric().GetName())
	add("Pods", m.Pods != nil, m.GetPods().GetTarget(), m.GetPods().GetMetric().GetName())
	add("Resource", m.Resource != nil, m.GetResource().GetTarget(), m.GetResource().GetName())
	add("ContainerResource", m.ContainerResource != nil, m.GetContainerResource().GetTarget(), m.GetContainerResource().GetName())
	add("External", m.External != nil, m.GetExternal().GetTarget(), m.GetExternal().GetMetric().GetName())
	words := map[string]string{"Object": "object", "Pods": "pods", "Resource": "resource", "ContainerResource": "containerResource", "External": "external"}
	word, known := words[m.Type]
	if !known {
		return oneOf(path.Child("type"), m.Type, "ContainerResource", "External", "Object", "Pods", "Resource")
	}
	var errs field.ErrorList
	for kind := range targets {
		if kind != m.Type {
			errs = append(errs, field.Forbidden(path.Child(words[kind]), "must be unset, for the type is "+m.Type))
		}
	}
	if _, set := targets[m.Type]; !set {
		return append(errs, field.Required(path.Child(word), "must be populated for the given metric source type"))
	}
	if names[m.Type] == "" {
		errs = append(errs, field.Required(path.Child(word), "must name a metric"))
	}
	if m.ContainerResource != nil && m.ContainerResource.Container == "" {
		errs = append(errs, field.Required(path.Child(word, "container"), ""))
	}
	return append(errs, validateMetricTarget(targets[m.Type], path.Child(word, "target"))...)
}

func validateMetricTarget(t *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("type"), t.GetType(), "AverageValue", "Utilization", "Value")
	for name, q := range map[string]*metav1.Quantity{"value": t.GetValue(), "averageValue": t.GetAverageValue()} {
		if q == nil {
			continue
		}
		if v, err := resource.ParseQuantity(q.String_); err != nil || v.Sign() <= 0 {
			errs = append(errs, field.Invalid(path.Child(name), q.String_, "must be a positive quantity"))
		}
	}
	if t != nil && t.AverageUtilization != nil && t.GetAverageUtilization() < 1 {
		errs = append(errs, field.Invalid(path.Child("averageUtilization"), t.GetAverageUtilization(), "must be greater than 0"))
	}
	missing := map[string]bool{
		"Utilization":  t.GetAverageUtilization() == 0 && (t == nil || t.AverageUtilization == nil),
		"Value":        t.GetValue() == nil,
		"AverageValue": t.GetAverageValue() == nil,
	}
	if missing[t.GetType()] {
		errs = append(errs, field.Required(path, "must have the value that its type names"))
	}
	return errs
}

func validateScalingRules(r *autoscalingv2.HPAScalingRules, path *field.Path) field.ErrorList {
	if r == nil {
		return nil
	}
	var errs field.ErrorList
	if w := r.GetStabilizationWindowSeconds(); w < 0 || w > maxStabilization {
		errs = append(errs, field.Invalid(path.Child("stabilizationWindowSeconds"), w, "must be from 0 to 3600"))
	}
	errs = append(errs, oneOf(path.Child("selectPolicy"), r.GetSelectPolicy(), "Disabled", "Max", "Min")...)
	if len(r.Policies) == 0 {
		errs = append(errs, field.Required(path.Child("policies"), "must specify at least one policy"))
	}
	for i, p := range r.Policies {
		at := path.Child("policies").Index(i)
		errs = append(errs, oneOf(at.Child("type"), p.Type, "Percent", "Pods")...)
		if p.Value < 1 {
			errs = append(errs, field.Invalid(at.Child("value"), p.Value, "must be greater than zero"))
		}
		if p.PeriodSeconds < 1 || p.PeriodSeconds > maxScalingPeriod {
			errs = append(errs, field.Invalid(at.Child("periodSeconds"), p.PeriodSeconds, "must be from 1 to 1800"))
		}
	}
	return errs
}
