package strategy

import (
	"testing"

	autoscalingv2 "kaji.dev/kaji/gen/kaji/autoscaling/v2"
)

func TestHorizontalPodAutoscalerRules(t *testing.T) {
	const base = `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: default}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 5}}`
	const m = "spec.metrics[0]"
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"no target", `spec: {scaleTargetRef: null}`, []string{"spec.scaleTargetRef.kind Required", "spec.scaleTargetRef.name Required"}},
		{"fewer than least", `spec: {minReplicas: 6}`, []string{"spec.maxReplicas Invalid"}},
		{"none", `spec: {minReplicas: 0}`, []string{"spec.minReplicas Invalid"}},
		{"unknown type", `spec: {metrics: [{type: Luck}]}`, []string{m + ".type NotSupported"}},
		{"no metric", `spec: {metrics: [{type: Pods}]}`, []string{m + ".pods Required"}},
		{"two metrics in one", `spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 5}}, pods: {}}]}`, []string{m + ".pods Forbidden"}},
		{"no value", `spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization}}}]}`, []string{m + ".resource.target Required"}},
		{"no share", `spec: {metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}]}`, []string{m + ".resource.target.averageUtilization Invalid"}},
		{"from outside", `spec: {metrics: [{type: External, external: {metric: {name: q}, target: {type: Value, value: 5}}}]}`, nil},
		{"nameless container", `spec: {metrics: [{type: ContainerResource, containerResource: {name: cpu, target: {type: AverageValue, averageValue: 1}}}]}`, []string{m + ".containerResource.container Required"}},
		{"slow", `spec: {behavior: {scaleDown: {stabilizationWindowSeconds: 3601, policies: [{type: Pods, value: 0, periodSeconds: 9999}]}}}`,
			[]string{"spec.behavior.scaleDown.policies[0].periodSeconds Invalid", "spec.behavior.scaleDown.policies[0].value Invalid", "spec.behavior.scaleDown.stabilizationWindowSeconds Invalid"}},
	})
	o, _ := build(t, base, `spec: {behavior: {}}`)
	s := o.(*autoscalingv2.HorizontalPodAutoscaler).GetSpec()
	if s.GetMinReplicas() != 1 || s.GetMetrics()[0].GetResource().GetTarget().GetAverageUtilization() != 80 ||
		len(s.GetBehavior().GetScaleUp().GetPolicies()) != 2 || s.GetBehavior().GetScaleDown().GetSelectPolicy() != "Max" {
		t.Errorf("defaults: %v", s)
	}
}
