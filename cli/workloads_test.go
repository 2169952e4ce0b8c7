package cli_test

import (
	"strings"
	"testing"
)

// workloads are one of each kind with the same pods, those of running.
const workloads = `---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: set, namespace: default}, spec: {selector: {matchLabels: {app: web}}, template: {spec: {containers: [{name: web, image: web:1, ports: [{containerPort: 80}]}]}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: each, namespace: default}, spec: {selector: {matchLabels: {app: web}}, template: {spec: {containers: [{name: web, image: web:1}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: once, namespace: default}, spec: {selector: {matchLabels: {app: web}}, template: {spec: {containers: [{name: web, image: web:1}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: often, namespace: default}, spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {containers: [{name: web, image: web:1}]}}}}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: old, namespace: default}, spec: {selector: {app: web}, template: {spec: {containers: [{name: web, image: web:1, ports: [{containerPort: 80}]}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: blank, namespace: default}, spec: {template: {spec: {containers: [{name: web, image: web:1}]}}}}
`

// TestPodsOfWorkloads finds the pods of every kind of workload.
func TestPodsOfWorkloads(t *testing.T) {
	s, n, _ := newNodeOf(t, running+workloads)
	for _, name := range []string{"sts/set", "ds/each", "job/once", "rc/old"} {
		r := s.run("logs", name)
		if r.code != 0 || !strings.Contains(r.err, "Found 2 pods, using pod/web-1") || !strings.HasPrefix(r.out, "first of web-1") {
			t.Errorf("logs %s: %+v", name, r)
		}
		n.logs = nil
		if s.ok("logs", name, "--all-pods"); len(n.logs) != 2 {
			t.Errorf("logs %s --all-pods reads %d logs", name, len(n.logs))
		}
	}
	s.fails([]string{"has no selector, so it has no pods"}, "logs", "job/blank")
	s.fails([]string{"cronjobs has no pods"}, "logs", "cronjob/often")
}

// TestSetOfWorkloads changes the pod template of every kind of workload.
func TestSetOfWorkloads(t *testing.T) {
	s := newShell(t, server(t, running+workloads).Client())
	for _, name := range []string{"statefulset.apps/set", "daemonset.apps/each", "job.batch/once", "cronjob.batch/often", "replicationcontroller/old"} {
		same(t, s.ok("set", "image", name, "web=web:2"), name+" image updated")
		if out := s.ok("get", name, "-o", "yaml"); !strings.Contains(out, "image: web:2") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	for _, name := range []string{"sts/set", "rc/old"} {
		same(t, s.ok("expose", name, "--dry-run=client", "-o", "jsonpath={.spec.selector} {.spec.ports[0].port}"), `{"app":"web"} 80`)
	}
}
