package strategy

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
)

const baseBudget = `{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web, namespace: default}, spec: {selector: {matchLabels: {app: web}}}}`

func TestPodDisruptionBudgetRules(t *testing.T) {
	runCases(t, baseBudget, []ruleCase{
		{"neither", `{}`, nil},
		{"a number", `spec: {minAvailable: 1}`, nil},
		{"a share", `spec: {maxUnavailable: 50%}`, nil},
		{"no spec", `spec: null`, nil},
		{"both", `spec: {minAvailable: 1, maxUnavailable: 1}`, []string{"spec Invalid"}},
		{"negative", `spec: {minAvailable: -1}`, []string{"spec.minAvailable Invalid"}},
		{"more than all", `spec: {maxUnavailable: 101%}`, []string{"spec.maxUnavailable Invalid"}},
		{"no share", `spec: {maxUnavailable: half}`, []string{"spec.maxUnavailable Invalid"}},
		{"bad selector", `spec: {selector: {matchExpressions: [{key: a, operator: Like}]}}`, []string{"spec.selector.matchExpressions[0].operator Invalid"}},
		{"pods that are not ready", `spec: {unhealthyPodEvictionPolicy: AlwaysAllow}`, nil},
		{"unknown policy", `spec: {unhealthyPodEvictionPolicy: Maybe}`, []string{"spec.unhealthyPodEvictionPolicy NotSupported"}},
	})
	runUpdates(t, baseBudget, []ruleCase{{"all of it", `spec: {minAvailable: 3, selector: {matchLabels: {app: other}}}`, nil}})
}

func TestPodDisruptionBudgetStatus(t *testing.T) {
	o, s := build(t, baseBudget, `{}`)
	old := o.(*policyv1.PodDisruptionBudget)
	new := proto.CloneOf(old)
	new.Status = &policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: -1, Conditions: []*metav1.Condition{{Type: "DisruptionAllowed", Status: "Sure"}}}
	want := []string{
		"status.conditions[0].lastTransitionTime Required", "status.conditions[0].reason Required", "status.conditions[0].status NotSupported",
		"status.disruptionsAllowed Invalid",
	}
	if got := brief(s.ValidateStatusUpdate(new, old)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
