package cli_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
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

// TestDescribeWorkloads shows what a person wants to know of each, on a real API server that has filled in the rest.
func TestDescribeWorkloads(t *testing.T) {
	s, _ := realShell(t)
	s.in = `
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: main, image: "db:1"}]}},
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}}]}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent}, spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {nodeSelector: {disk: fast}, containers: [{name: main, image: "agent:1"}]}}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: old}, spec: {replicas: 3, selector: {app: old}, template: {metadata: {labels: {app: old}}, spec: {containers: [{name: main, image: "old:1"}]}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: stray, labels: {app: old}}, spec: {containers: [{name: main, image: "old:1"}]}}
`
	s.ok("apply", "-f", "-")
	s.ok("create", "job", "migrate", "--image=shop:1")
	s.ok("create", "cronjob", "backup", "--image=tools:1", "--schedule=30 2 * * *")
	for name, want := range map[string][]string{
		"sts/db":      {"Selector: app=db", "Service: db", "Replicas: 1 desired | 0 updated | 0 total", "Update Strategy: RollingUpdate", "Partition: 0", "Pods Status: 0 Running", "Image: db:1", "Volume Claims:", "data <default> 5Gi ReadWriteOnce", "Events:"},
		"ds/agent":    {"Node-Selector: disk=fast", "Nodes: 0 desired", "Rolling Update: 1 max unavailable, 0 max surge", "Pods Status: 0 Running", "Image: agent:1"},
		"rc/old":      {"Selector: app=old", "Replicas: 0 current / 3 desired, 0 ready", "Pods Status: 0 Running / 0 Waiting", "Image: old:1"},
		"job/migrate": {"Parallelism: 1", "Completions: 1", "Completion Mode: NonIndexed", "Backoff Limit: 6", "Suspended: false", "Pods Status: 0 Active (0 Ready) / 0 Succeeded / 0 Failed", "Image: shop:1"},
		"cj/backup":   {"Schedule: 30 2 * * *", "Suspended: false", "Concurrency Policy: Allow", "History Kept: 3 successful, 1 failed", "Image: tools:1"},
	} {
		// Columns are as wide as what is in them; the words are what counts here.
		out := strings.Join(strings.Fields(s.ok("describe", name)), " ")
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("describe %s: no %q in\n%s", name, text, out)
			}
		}
	}
}

// TestDeleteWaitsForThePodsOfWorkloads keeps a deletion from ending while there are pods of what was deleted.
func TestDeleteWaitsForThePodsOfWorkloads(t *testing.T) {
	api := server(t, running+workloads)
	s := newShell(t, api.Client())
	seed := func(o kind.Object, ownerKind, ownerName string) {
		t.Helper()
		owner, err := client.ForKind(s.client, kind.Lookup(ownerKind)).Get(t.Context(), "default", ownerName)
		if err != nil {
			t.Fatal(err)
		}
		o.GetMetadata().OwnerReferences = []*metav1.OwnerReference{{
			ApiVersion: kind.Of(owner).APIVersion(), Kind: kind.Of(owner).Name(), Name: ownerName, Uid: owner.GetMetadata().GetUid(), Controller: proto.Bool(true),
		}}
		api.Seed(o)
	}
	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: &corev1.PodSpec{NodeName: "n1"}}
	}
	job, err := client.ForKind(s.client, kind.Lookup("jobs")).Get(t.Context(), "default", "blank")
	if err != nil {
		t.Fatal(err)
	}
	seed(job, "cronjobs", "often")
	seed(pod("of-cron"), "jobs", "blank")
	s.fails([]string{"still there after the timeout: pod/of-cron"}, "delete", "cronjob/often", "--timeout=200ms")
	for plural, name := range map[string]string{"statefulsets": "set", "daemonsets": "each", "jobs": "once", "replicationcontrollers": "old"} {
		seed(pod("of-"+name), plural, name)
		s.fails([]string{"still there after the timeout: pod/of-" + name}, "delete", plural+"/"+name, "--timeout=200ms")
	}
}
