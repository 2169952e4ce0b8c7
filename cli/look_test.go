package cli_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
)

type scheduler struct {
	schedulerv1.UnimplementedSchedulerServiceServer
	answer *schedulerv1.ExplainResponse
}

func (s *scheduler) Explain(_ context.Context, r *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	if s.answer == nil {
		return nil, apierror.ToStatus(apierror.Unavailable("no scheduler leads"))
	}
	return s.answer, nil
}

func TestWhy(t *testing.T) {
	explain := &scheduler{answer: &schedulerv1.ExplainResponse{
		State: schedulerv1.PodState_POD_STATE_BACKOFF, Message: "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.",
		Attempts: 3, NextAttempt: timestamppb.New(now.Add(4 * time.Second)),
		Nodes: []*schedulerv1.NodeVerdict{
			{NodeName: "n1", Reasons: []*schedulerv1.Reason{{Plugin: "NodeResourcesFit", Message: "Insufficient cpu"}}},
			{NodeName: "n2", Reasons: []*schedulerv1.Reason{{Plugin: "NodeUnschedulable", Message: "node is unschedulable"}}},
		},
	}}
	conn := serve(t, func(s *grpc.Server) { schedulerv1.RegisterSchedulerServiceServer(s, explain) })
	api := server(t, running+`---
apiVersion: v1
kind: Pod
metadata: {name: crash, namespace: default}
spec: {nodeName: n1, containers: [{name: a}]}
status: {phase: Running, containerStatuses: [{name: a, state: {waiting: {reason: CrashLoopBackOff, message: back-off 10s}}}]}
`)
	s := newShell(t, client.New(&join{api: api, other: conn, methods: []string{"/kaji.scheduler.v1."}}))
	same(t, s.ok("why", "web-2"), `Pod web-2 found no node after 3 tries; the next try is in 4s.
0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.

NODE   FITS   SCORE   REASON
n1     no     -       Insufficient cpu (NodeResourcesFit)
n2     no     -       node is unschedulable (NodeUnschedulable)

What would help:
  - ask for less in the containers' resources.requests, remove other pods, or add a node (`+"`kaji describe nodes` shows what is taken; `kaji get pod web-2 -o jsonpath='{.spec.containers[*].resources}'` what it asks for"+`)
  - let pods onto a node again: `+"`kaji uncordon NODE`")
	same(t, s.ok("why", "web-1"), "Pod web-1 is on node n1: Running.")
	out := s.ok("why", "crash")
	if !strings.Contains(out, "Container a waits: CrashLoopBackOff back-off 10s") || !strings.Contains(out, "kaji logs crash -c a --previous") {
		t.Error(out)
	}
	explain.answer = &schedulerv1.ExplainResponse{State: schedulerv1.PodState_POD_STATE_QUEUED, Nodes: []*schedulerv1.NodeVerdict{{NodeName: "n1", Fits: true, TotalScore: 150, Scores: map[string]int64{"B": 50, "A": 100}}}}
	if out := s.ok("why", "pod/web-2"); !strings.Contains(out, "n1     yes    150     A 100, B 50") || !strings.Contains(out, "node n1 fits") {
		t.Error(out)
	}
	explain.answer = nil
	s.fails([]string{"no scheduler leads", "is `kaji scheduler` running?"}, "why", "web-2")
}

func TestDescribe(t *testing.T) {
	s := newShell(t, server(t, describable).Client())
	for _, c := range []struct {
		args  string
		wants []string
	}{
		{"pod web-1", []string{"Name:", "web-1", "Controlled By:", "ReplicaSet/web-a", "Node:", "n1/192.0.2.1", "State:", "Running", "Last State:", "Exit Code:", "137",
			"Liveness:", "http-get http://:http/live delay=0s timeout=0s period=3s #success=0 #failure=0",
			"SECRET=<key k of secret s>", "/data from v (ro)", "configMap", "Events:", "BackOff", "2m (x3 over 10m)", "kaji-node, n1", "Tolerations:", "k=v:NoSchedule"}},
		{"node n1", []string{"Roles:", "worker", "Taints:", "t:NoSchedule", "Allocatable:", "cpu=2", "Pods (1):", "web-1", "cpu        500m (25%)", "Kernel Version:"}},
		{"deployment web", []string{"Replicas:", "3 desired | 1 updated", "RollingUpdate", "25% max unavailable, 1 max surge", "New ReplicaSet:", "web-a (2/3 replicas)"}},
		{"rs web-a", []string{"Controlled By:", "Deployment/web", "1 Running / 0 Waiting / 0 Succeeded / 0 Failed"}},
		{"svc web", []string{"Selector:", "app=web", "80/TCP", "TargetPort:", "http", "10.0.0.1"}},
		{"ns shop", []string{"Status:", "Active"}},
		{"cm c", []string{"key\n:", "----", "a\tb"}},
		{"secret s", []string{"k:", "6 bytes"}},
		{"lease l", []string{"Spec:", "holderIdentity: n1"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			out := newShell(t, s.client).ok(append([]string{"describe"}, strings.Fields(c.args)...)...)
			for _, want := range c.wants {
				want = strings.ReplaceAll(want, "\n", "")
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
	if out := s.ok("describe", "secret", "s"); strings.Contains(out, "hidden") || strings.Contains(out, "aGlkZGVu") {
		t.Errorf("a secret is shown:\n%s", out)
	}
	if out := s.ok("describe", "pods", "--show-events=false"); strings.Contains(out, "Events") {
		t.Error(out)
	}
	s.fails([]string{"not found"}, "describe", "pod", "none")
}

const describable = `apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: default, uid: p1, labels: {app: web}, creationTimestamp: "2026-11-23T11:00:00Z", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-a, uid: r1, controller: true}]}
spec:
  nodeName: n1
  tolerations: [{key: k, value: v, effect: NoSchedule}]
  volumes: [{name: v, configMap: {name: c}}]
  containers:
  - name: web
    image: i
    resources: {requests: {cpu: 500m}}
    env: [{name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}]
    livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 3}
    volumeMounts: [{name: v, mountPath: /data, readOnly: true}]
status:
  phase: Running
  hostIP: 192.0.2.1
  podIP: 10.0.0.1
  containerStatuses: [{name: web, ready: true, restartCount: 1, state: {running: {startedAt: "2026-11-23T11:30:00Z"}}, lastState: {terminated: {exitCode: 137, reason: OOMKilled}}}]
---
apiVersion: v1
kind: Event
metadata: {name: e, namespace: default}
involvedObject: {kind: Pod, name: web-1, namespace: default, uid: p1}
type: Warning
reason: BackOff
message: back-off
count: 3
firstTimestamp: "2026-11-23T11:50:00Z"
lastTimestamp: "2026-11-23T11:58:00Z"
source: {component: kaji-node, host: n1}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {node-role.kubernetes.io/worker: ""}}
spec: {taints: [{key: t, effect: NoSchedule}]}
status: {allocatable: {cpu: "2", memory: 1Gi}, nodeInfo: {kernelVersion: "6"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, uid: d1, annotations: {deployment.kubernetes.io/revision: "1"}}
spec: {replicas: 3, selector: {matchLabels: {app: web}}, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 1}}, template: {spec: {containers: [{name: web, image: i}]}}}
status: {replicas: 2, updatedReplicas: 1}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-a, namespace: default, uid: r1, annotations: {deployment.kubernetes.io/revision: "1"}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}
spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {}}
status: {replicas: 2}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: ClusterIP, selector: {app: web}, ports: [{port: 80, protocol: TCP, targetPort: http}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
status: {phase: Active}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: default}
data: {key: "a\tb\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: default}
type: Opaque
data: {k: aGlkZGVu}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: l, namespace: default}
spec: {holderIdentity: n1}
`
