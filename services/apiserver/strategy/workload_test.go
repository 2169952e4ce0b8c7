package strategy

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

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

const baseStatefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: default}
spec:
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
`

const baseDaemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
`

func TestStatefulSetRules(t *testing.T) {
	const data = `spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}], template: {spec: {containers: {'[0]': {volumeMounts: [{name: data, mountPath: /data}]}}}}}`
	runCases(t, baseStatefulSet, append(templateCases, []ruleCase{
		{"dots in the name", `metadata: {name: a.b}`, []string{"metadata.name Invalid"}},
		{"claims are volumes", data, nil},
		{"a claim without a size", `spec: {volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}]}`, []string{"spec.volumeClaimTemplates[0].spec.resources.requests[storage] Required"}},
		{"at once", `spec: {podManagementPolicy: Parallel}`, nil},
		{"unknown order", `spec: {podManagementPolicy: Random}`, []string{"spec.podManagementPolicy NotSupported"}},
		{"on delete", `spec: {updateStrategy: {type: OnDelete}}`, nil},
		{"on delete with numbers", `spec: {updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}}`, []string{"spec.updateStrategy.rollingUpdate Invalid"}},
		{"unknown strategy", `spec: {updateStrategy: {type: Recreate}}`, []string{"spec.updateStrategy Invalid"}},
		{"negative partition", `spec: {updateStrategy: {rollingUpdate: {partition: -1}}}`, []string{"spec.updateStrategy.rollingUpdate.partition Invalid"}},
		{"none may be away", `spec: {updateStrategy: {rollingUpdate: {maxUnavailable: 0}}}`, []string{"spec.updateStrategy.rollingUpdate.maxUnavailable Invalid"}},
		{"unknown retention", `spec: {persistentVolumeClaimRetentionPolicy: {whenScaled: Archive}}`, []string{"spec.persistentVolumeClaimRetentionPolicy.whenScaled NotSupported"}},
		{"negative start", `spec: {ordinals: {start: -1}}`, []string{"spec.ordinals.start Invalid"}},
		{"bad service", `spec: {serviceName: a.b}`, []string{"spec.serviceName Invalid"}},
	}...))
	o, _ := build(t, baseStatefulSet, `{}`)
	s := o.(*appsv1.StatefulSet).GetSpec()
	if s.GetReplicas() != 1 || s.GetPodManagementPolicy() != "OrderedReady" || s.GetUpdateStrategy().GetType() != "RollingUpdate" ||
		s.GetUpdateStrategy().GetRollingUpdate().GetMaxUnavailable().GetIntVal() != 1 || s.GetPersistentVolumeClaimRetentionPolicy().GetWhenDeleted() != "Retain" {
		t.Errorf("defaults: %v", s)
	}
	runUpdates(t, baseStatefulSet, []ruleCase{
		{"other claims", data, []string{"spec.volumeClaimTemplates Invalid"}},
		{"another service", `spec: {serviceName: other}`, []string{"spec.serviceName Invalid"}},
		{"another order", `spec: {podManagementPolicy: Parallel}`, []string{"spec.podManagementPolicy Invalid"}},
		{"another partition", `spec: {updateStrategy: {rollingUpdate: {partition: 2}}}`, nil},
	})
}

func TestDaemonSetRules(t *testing.T) {
	var cases []ruleCase
	for _, c := range templateCases {
		if c.name != "negative replicas" { // they have none
			cases = append(cases, c)
		}
	}
	runCases(t, baseDaemonSet, append(cases, []ruleCase{
		{"on delete", `spec: {updateStrategy: {type: OnDelete}}`, nil},
		{"unknown strategy", `spec: {updateStrategy: {type: Recreate}}`, []string{"spec.updateStrategy.type NotSupported"}},
		{"one more", `spec: {updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}}`, nil},
		{"one more and one away", `spec: {updateStrategy: {rollingUpdate: {maxSurge: 1}}}`, []string{"spec.updateStrategy.rollingUpdate.maxSurge Invalid"}},
		{"neither", `spec: {updateStrategy: {rollingUpdate: {maxUnavailable: 0%}}}`, []string{"spec.updateStrategy.rollingUpdate.maxUnavailable Required"}},
		{"more than all away", `spec: {updateStrategy: {rollingUpdate: {maxUnavailable: 101%}}}`, []string{"spec.updateStrategy.rollingUpdate.maxUnavailable Invalid"}},
		{"negative history", `spec: {revisionHistoryLimit: -1}`, []string{"spec.revisionHistoryLimit Invalid"}},
	}...))
}

func TestStatefulAndDaemonSetStatus(t *testing.T) {
	o, s := build(t, baseStatefulSet, `{}`)
	old := o.(*appsv1.StatefulSet)
	old.Status.CollisionCount = proto.Int32(2)
	new := proto.CloneOf(old)
	new.Status = &appsv1.StatefulSetStatus{Replicas: 1, ReadyReplicas: 2, CollisionCount: proto.Int32(1)}
	if got, want := brief(s.ValidateStatusUpdate(new, old)), []string{"status.collisionCount Invalid", "status.readyReplicas Invalid"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	o, s = build(t, baseDaemonSet, `{}`)
	daemons := o.(*appsv1.DaemonSet)
	daemons.Status = &appsv1.DaemonSetStatus{NumberReady: -1}
	if got, want := brief(s.ValidateStatusUpdate(daemons, daemons)), []string{"status.numberReady Invalid"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestControllerRevisionRules(t *testing.T) {
	const base = `{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: web-1, namespace: default}, revision: 1, data: {spec: {template: {}}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"no data", `data: null`, []string{"data Required"}},
		{"data that is no object", `data: [1]`, []string{"data Required"}},
		{"negative", `revision: -1`, []string{"revision Invalid"}},
	})
	runUpdates(t, base, []ruleCase{
		{"renumbered", `revision: 5`, nil},
		{"other data", `data: {spec: {a: b}}`, []string{"data Invalid"}},
	})
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
	runUpdates(t, baseStatefulSet, cases)
	runUpdates(t, baseDaemonSet, cases[1:])
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
