package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestLimitRangeRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: LimitRange, metadata: {name: l, namespace: default}, spec: {limits: [{type: Container, max: {cpu: 2}, min: {memory: 1Mi}}]}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"a type twice", `spec: {limits: [{type: Pod}, {type: Pod}]}`, []string{"spec.limits[1].type Duplicate"}},
		{"defaults of a pod", `spec: {limits: [{type: Pod, default: {cpu: 1}}]}`, []string{"spec.limits[0].default Forbidden"}},
		{"least over most", `spec: {limits: [{type: Pod, min: {cpu: 2}, max: {cpu: 1}}]}`, []string{"spec.limits[0].min[cpu] Invalid"}},
		{"default over most", `spec: {limits: [{type: Container, default: {cpu: 2}, defaultRequest: {cpu: 1}, max: {cpu: 1}}]}`, []string{"spec.limits[0].default[cpu] Invalid"}},
		{"a ratio below one", `spec: {limits: [{type: Pod, maxLimitRequestRatio: {cpu: 500m}}]}`, []string{"spec.limits[0].maxLimitRequestRatio[cpu] Invalid"}},
		{"claims without bounds", `spec: {limits: [{type: PersistentVolumeClaim}]}`, []string{"spec.limits[0].limits Required"}},
	})
	o, _ := build(t, base, `{}`)
	item := o.(*corev1.LimitRange).GetSpec().GetLimits()[0]
	if item.GetDefault()["cpu"].GetString_() != "2" || item.GetDefaultRequest()["cpu"].GetString_() != "2" || item.GetDefaultRequest()["memory"].GetString_() != "1Mi" {
		t.Errorf("defaults: %v", item)
	}
}

func TestResourceQuotaRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: default}, spec: {hard: {pods: 10, requests.cpu: 4, count/jobs.batch: 5}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"negative", `spec: {hard: {pods: -1}}`, []string{"spec.hard[pods] Invalid"}},
		{"half a pod", `spec: {hard: {pods: 500m}}`, []string{"spec.hard[pods] Invalid"}},
		{"unknown scope", `spec: {scopes: [Weekends]}`, []string{"spec.scopes[0] NotSupported"}},
		{"scopes that exclude each other", `spec: {scopes: [BestEffort, NotBestEffort]}`, []string{"spec.scopes Invalid"}},
		{"in nothing", `spec: {scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}}`, []string{"spec.scopeSelector.matchExpressions[0].values Required"}},
	})
	runUpdates(t, base, []ruleCase{
		{"more", `spec: {hard: {pods: 20}}`, nil},
		{"other scopes", `spec: {scopes: [BestEffort]}`, []string{"spec.scopes Invalid"}},
	})
}

func TestReplicationControllerRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: ReplicationController, metadata: {name: r, namespace: default}, spec: {template: {metadata: {labels: {app: r}}, spec: {containers: [{name: c, image: i}]}}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"pods of another", `spec: {selector: {app: x}}`, []string{"spec.template.metadata.labels Invalid"}},
		{"pods that end", `spec: {template: {spec: {restartPolicy: Never}}}`, []string{"spec.template.spec.restartPolicy NotSupported"}},
		{"negative", `spec: {replicas: -1}`, []string{"spec.replicas Invalid"}},
	})
	o, _ := build(t, base, `{}`)
	if r := o.(*corev1.ReplicationController); r.GetSpec().GetSelector()["app"] != "r" || r.GetMetadata().GetLabels()["app"] != "r" || r.GetSpec().GetReplicas() != 1 {
		t.Errorf("defaults: %v", r)
	}
	runCases(t, `{apiVersion: v1, kind: PodTemplate, metadata: {name: t, namespace: default}, template: {spec: {containers: [{name: c, image: i}]}}}`, []ruleCase{
		{"a template", `{}`, nil},
		{"of nothing", `template: {spec: {containers: []}}`, []string{"template.spec.containers Required"}},
	})
}
