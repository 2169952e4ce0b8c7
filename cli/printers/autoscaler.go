package printers

import (
	"fmt"
	"strings"
	"time"

	autoscalingv2 "kaji.dev/kaji/gen/kaji/autoscaling/v2"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func hpaReference(o kind.Object, _ time.Time) string {
	h, ok := o.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return none
	}
	ref := h.GetSpec().GetScaleTargetRef()
	return ref.GetKind() + "/" + ref.GetName()
}

// hpaTargets is current/target of each metric, by name; what is not known yet is said as such.
func hpaTargets(o kind.Object, _ time.Time) string {
	h, ok := o.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return none
	}
	var list []string
	for i, m := range h.GetSpec().GetMetrics() {
		var now *autoscalingv2.MetricStatus
		if all := h.GetStatus().GetCurrentMetrics(); i < len(all) {
			now = all[i]
		}
		switch {
		case m.GetResource() != nil:
			list = append(list, m.GetResource().GetName()+": "+against(now.GetResource().GetCurrent(), m.GetResource().GetTarget()))
		case m.GetContainerResource() != nil:
			list = append(list, m.GetContainerResource().GetName()+": "+against(now.GetContainerResource().GetCurrent(), m.GetContainerResource().GetTarget()))
		case m.GetPods() != nil:
			list = append(list, against(now.GetPods().GetCurrent(), m.GetPods().GetTarget()))
		case m.GetObject() != nil:
			list = append(list, against(now.GetObject().GetCurrent(), m.GetObject().GetTarget()))
		case m.GetExternal() != nil:
			list = append(list, against(now.GetExternal().GetCurrent(), m.GetExternal().GetTarget()))
		}
	}
	const most = 2
	switch n := len(list); {
	case n == 0:
		return none
	case n > most:
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:most], ", "), n-most)
	}
	return strings.Join(list, ", ")
}

func against(now *autoscalingv2.MetricValueStatus, target *autoscalingv2.MetricTarget) string {
	quantity := func(q *metav1.Quantity, suffix string) string {
		if q == nil {
			return "<unknown>"
		}
		return q.GetString_() + suffix
	}
	switch {
	case target.GetAverageValue() != nil:
		return quantity(now.GetAverageValue(), "") + "/" + quantity(target.GetAverageValue(), " (avg)")
	case target.GetValue() != nil:
		return quantity(now.GetValue(), "") + "/" + quantity(target.GetValue(), "")
	case target == nil || target.AverageUtilization == nil:
		return "<auto>"
	case now == nil || now.AverageUtilization == nil:
		return fmt.Sprintf("<unknown>/%d%%", target.GetAverageUtilization())
	}
	return fmt.Sprintf("%d%%/%d%%", now.GetAverageUtilization(), target.GetAverageUtilization())
}
