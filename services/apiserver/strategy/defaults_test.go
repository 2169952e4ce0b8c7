package strategy

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/equality"

	"kaji.dev/kaji/manifest"
)

// TestDefaults compares objects as they are stored with what Kubernetes 1.37 stores for the same manifest. The
// golden forms were checked by hand against its API; metadata that only the server gives is left out.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"pod", basePod, `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers:
  - name: web
    image: registry.local/web:1
    imagePullPolicy: IfNotPresent
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    resources: {}
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccount: default
  serviceAccountName: default
  terminationGracePeriodSeconds: 30
  tolerations:
  - {effect: NoExecute, key: node.kubernetes.io/not-ready, operator: Exists, tolerationSeconds: 300}
  - {effect: NoExecute, key: node.kubernetes.io/unreachable, operator: Exists, tolerationSeconds: 300}
status: {phase: Pending, qosClass: BestEffort}
`},
		{"pod with much", `
apiVersion: v1
kind: Pod
metadata: {name: much, namespace: default}
spec:
  hostNetwork: true
  serviceAccountName: robot
  priorityClassName: system-node-critical
  tolerations: [{operator: Exists}]
  schedulingGates: [{name: example.com/wait}]
  volumes:
  - name: nothing
  - {name: cm, configMap: {name: a}}
  - {name: sec, secret: {secretName: a}}
  - {name: down, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: host, hostPath: {path: /a}}
  - {name: pro, projected: {sources: [{serviceAccountToken: {path: t}}, {downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}]}}
  containers:
  - name: a
    image: registry:5000/a
    ports: [{containerPort: 80}]
    env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
    resources: {limits: {cpu: "1", memory: 1Gi}, requests: {cpu: 500m}}
    livenessProbe: {httpGet: {port: 80}}
    readinessProbe: {grpc: {port: 80}, periodSeconds: 3}
    lifecycle: {preStop: {httpGet: {port: 80, path: /stop}}}
`, `
apiVersion: v1
kind: Pod
metadata: {name: much, namespace: default}
spec:
  hostNetwork: true
  serviceAccountName: robot
  serviceAccount: robot
  priorityClassName: system-node-critical
  tolerations: [{operator: Exists}]
  schedulingGates: [{name: example.com/wait}]
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  terminationGracePeriodSeconds: 30
  volumes:
  - {name: nothing, emptyDir: {}}
  - {name: cm, configMap: {name: a, defaultMode: 420}}
  - {name: sec, secret: {secretName: a, defaultMode: 420}}
  - {name: down, downwardAPI: {defaultMode: 420, items: [{path: a, fieldRef: {apiVersion: v1, fieldPath: metadata.name}}]}}
  - {name: host, hostPath: {path: /a, type: ""}}
  - {name: pro, projected: {defaultMode: 420, sources: [{serviceAccountToken: {path: t, expirationSeconds: 3600}}, {downwardAPI: {items: [{path: a, fieldRef: {apiVersion: v1, fieldPath: metadata.name}}]}}]}}
  containers:
  - name: a
    image: registry:5000/a
    imagePullPolicy: Always
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]
    env: [{name: NODE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}}]
    resources: {limits: {cpu: "1", memory: 1Gi}, requests: {cpu: 500m, memory: 1Gi}}
    livenessProbe: {httpGet: {port: 80, path: /, scheme: HTTP}, timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3}
    readinessProbe: {grpc: {port: 80, service: ""}, timeoutSeconds: 1, periodSeconds: 3, successThreshold: 1, failureThreshold: 3}
    lifecycle: {preStop: {httpGet: {port: 80, path: /stop, scheme: HTTP}}}
status:
  phase: Pending
  qosClass: Burstable
  conditions: [{type: PodScheduled, status: "False", reason: SchedulingGated, message: Scheduling is blocked due to non-empty scheduling gates}]
`},
		{"deployment", baseDeployment, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  progressDeadlineSeconds: 600
  replicas: 1
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}, type: RollingUpdate}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web, imagePullPolicy: Always, terminationMessagePath: /dev/termination-log, terminationMessagePolicy: File}
      dnsPolicy: ClusterFirst
      restartPolicy: Always
      schedulerName: default-scheduler
      securityContext: {}
      terminationGracePeriodSeconds: 30
`},
		{"service", baseService, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  internalTrafficPolicy: Cluster
  ipFamilies: [IPv4]
  ipFamilyPolicy: SingleStack
  ports: [{port: 80, protocol: TCP, targetPort: 80}]
  selector: {app: web}
  sessionAffinity: None
  type: ClusterIP
status: {loadBalancer: {}}
`},
		{"load balancer", baseService + "  type: LoadBalancer\n  sessionAffinity: ClientIP\n", `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  allocateLoadBalancerNodePorts: true
  externalTrafficPolicy: Cluster
  internalTrafficPolicy: Cluster
  ipFamilies: [IPv4]
  ipFamilyPolicy: SingleStack
  ports: [{port: 80, protocol: TCP, targetPort: 80}]
  selector: {app: web}
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}
  type: LoadBalancer
status: {loadBalancer: {}}
`},
		{"namespace", `{apiVersion: v1, kind: Namespace, metadata: {name: team}}`,
			`{apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {kubernetes.io/metadata.name: team}}, spec: {finalizers: [kubernetes]}, status: {phase: Active}}`},
		{"secret", `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}, data: {a: YQ==, b: YQ==}, stringData: {b: b}}`,
			`{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}, data: {a: YQ==, b: Yg==}, type: Opaque}`},
		{"node", `{apiVersion: v1, kind: Node, metadata: {name: n1}, spec: {podCIDR: 10.1.0.0/24}, status: {capacity: {cpu: "2"}}}`,
			`{apiVersion: v1, kind: Node, metadata: {name: n1}, spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24]}, status: {capacity: {cpu: "2"}, allocatable: {cpu: "2"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s := build(t, c.in, "{}")
			if v := s.Validate(o); len(v) > 0 {
				t.Errorf("its defaults are invalid: %v", v)
			}
			b, err := manifest.ToJSON(o)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]any{}
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			want := parse(t, c.want)
			b, err = json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			want = map[string]any{}
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			dropEmptyResources(got)
			dropEmptyResources(want)
			if !equality.Semantic.DeepEqual(got, want) {
				g, _ := json.Marshal(got)
				w, _ := json.Marshal(want)
				t.Errorf("\n got  %s\n want %s", g, w)
			}
			again := proto.Clone(o)
			s.Default(o)
			if !proto.Equal(o, again) {
				t.Error("defaults of an object with defaults changed it")
			}
		})
	}
}

// dropEmptyResources takes resources: {} for no resources: Kubernetes' JSON always has the field, Kaji's only when it was set.
func dropEmptyResources(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if m, ok := e.(map[string]any); ok && len(m) == 0 && (key == "resources" || key == "status" || key == "strategy") {
				delete(v, key)
				continue
			}
			if key == "creationTimestamp" && e == nil {
				delete(v, key)
				continue
			}
			dropEmptyResources(e)
		}
	case []any:
		for _, e := range v {
			dropEmptyResources(e)
		}
	}
}

func TestPullPolicy(t *testing.T) {
	for image, want := range map[string]string{
		"web": "Always", "web:latest": "Always", "web:1": "IfNotPresent", "host:5000/web": "Always", "host:5000/web:1": "IfNotPresent",
		"web@sha256:aa": "IfNotPresent", "web:latest@sha256:aa": "IfNotPresent", "a/b/c:v2-rc": "IfNotPresent", "": "Always",
	} {
		if got := pullPolicyFor(image); got != want {
			t.Errorf("%q: got %s, want %s", image, got, want)
		}
	}
}
