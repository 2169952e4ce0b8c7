package strategy

import (
	"testing"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

const baseDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
`

const baseReplicaSet = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
`

// templateCases hold for everything that makes pods.
var templateCases = []ruleCase{
	{"plain", `{}`, nil},
	{"negative replicas", `spec: {replicas: -1}`, []string{"spec.replicas Invalid"}},
	{"no selector", `spec: {selector: null}`, []string{"spec.selector Required"}},
	{"empty selector", `spec: {selector: {matchLabels: null}}`, []string{"spec.selector Invalid"}},
	{"selector of something else", `spec: {selector: {matchLabels: {app: other}}}`, []string{"spec.template.metadata.labels Invalid"}},
	{"selector by expression", `spec: {selector: {matchLabels: null, matchExpressions: [{key: app, operator: In, values: [web, api]}]}}`, nil},
	{"selector by expression of something else", `spec: {selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}`, []string{"spec.template.metadata.labels Invalid"}},
	{"bad selector operator", `spec: {selector: {matchExpressions: [{key: app, operator: Like}]}}`, []string{"spec.selector.matchExpressions[0].operator Invalid"}},
	{"no template", `spec: {template: null}`, []string{"spec.template Required"}},
	{"template without containers", `spec: {template: {spec: {containers: []}}}`, []string{"spec.template.spec.containers Required"}},
	{"template that ends", `spec: {template: {spec: {restartPolicy: Never}}}`, []string{"spec.template.spec.restartPolicy NotSupported"}},
	{"template with a deadline", `spec: {template: {spec: {activeDeadlineSeconds: 5}}}`, []string{"spec.template.spec.activeDeadlineSeconds Forbidden"}},
	{"template with a bad label", `spec: {template: {metadata: {labels: {app: web, b: "c d"}}}}`, []string{"spec.template.metadata.labels Invalid"}},
	{"paths go through", `spec: {template: {spec: {containers: {'[0]': {ports: [{containerPort: 0}]}}}}}`, []string{"spec.template.spec.containers[0].ports[0].containerPort Required"}},
	{"negative ready time", `spec: {minReadySeconds: -1}`, []string{"spec.minReadySeconds Invalid"}},
}

func TestReplicaSetRules(t *testing.T) { runCases(t, baseReplicaSet, templateCases) }

func TestDeploymentRules(t *testing.T) {
	runCases(t, baseDeployment, append(templateCases, []ruleCase{
		{"recreate", `spec: {strategy: {type: Recreate}}`, nil},
		{"recreate with numbers", `spec: {strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}}`, []string{"spec.strategy.rollingUpdate Forbidden"}},
		{"unknown strategy", `spec: {strategy: {type: Canary}}`, []string{"spec.strategy.type NotSupported"}},
		{"neither more nor less", `spec: {strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0%}}}`, []string{"spec.strategy.rollingUpdate.maxUnavailable Invalid"}},
		{"only more", `spec: {strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}}`, nil},
		{"more than all away", `spec: {strategy: {rollingUpdate: {maxUnavailable: 101%}}}`, []string{"spec.strategy.rollingUpdate.maxUnavailable Invalid"}},
		{"no percentage", `spec: {strategy: {rollingUpdate: {maxSurge: some}}}`, []string{"spec.strategy.rollingUpdate.maxSurge Invalid"}},
		{"negative surge", `spec: {strategy: {rollingUpdate: {maxSurge: -1}}}`, []string{"spec.strategy.rollingUpdate.maxSurge Invalid"}},
		{"negative history", `spec: {revisionHistoryLimit: -1}`, []string{"spec.revisionHistoryLimit Invalid"}},
		{"deadline within ready time", `spec: {minReadySeconds: 600}`, []string{"spec.progressDeadlineSeconds Invalid"}},
	}...))
}

func TestWorkloadUpdates(t *testing.T) {
	cases := []ruleCase{
		{"scaled", `spec: {replicas: 3}`, nil},
		{"another image", `spec: {template: {spec: {containers: {'[0]': {image: "web:2"}}}}}`, nil},
		{"another selector", `spec: {selector: {matchLabels: {app: web, tier: a}}, template: {metadata: {labels: {tier: a}}}}`, []string{"spec.selector Invalid"}},
	}
	runUpdates(t, baseDeployment, cases)
	runUpdates(t, baseReplicaSet, cases)
}

func TestDeploymentStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		status *appsv1.DeploymentStatus
		want   int
	}{
		{"consistent", &appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 1}, 0},
		{"more ready than there are", &appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 2}, 1},
		{"more available than ready", &appsv1.DeploymentStatus{Replicas: 3, ReadyReplicas: 1, AvailableReplicas: 2}, 1},
		{"negative", &appsv1.DeploymentStatus{Replicas: -1}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, s := build(t, baseDeployment, "{}")
			new, _ := build(t, baseDeployment, "{}")
			new.(*appsv1.Deployment).Status = c.status
			if got := s.ValidateStatusUpdate(new, old); len(got) != c.want {
				t.Errorf("got %v, want %d violations", got, c.want)
			}
		})
	}
}
