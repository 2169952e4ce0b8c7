package e2e

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/services/apiserver/strategy"
)

// TestKinds is every kind of the API from the command line: those that something acts on, and those that are stored
// and checked until something does.
func TestKinds(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){"every kind": everyKind, "create by flags": creatingKinds, "scale": scalingKinds, "streams": streamsOfKinds})
}

// oneOfEach has an object of every kind that the other tests do not make.
const oneOfEach = `
{apiVersion: v1, kind: Namespace, metadata: {name: kinds}}
---
{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: one, namespace: kinds}, data: {a: b}, revision: 3}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: one, namespace: kinds}, spec: {selector: {matchLabels: {app: ds}}, template: {metadata: {labels: {app: ds}}, spec: {nodeSelector: {no: such}, containers: [{name: main, image: IMAGE}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: one, namespace: kinds}, spec: {replicas: 0, serviceName: one, selector: {matchLabels: {app: sts}}, template: {metadata: {labels: {app: sts}}, spec: {containers: [{name: main, image: IMAGE}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: one, namespace: kinds}, spec: {suspend: true, schedule: "5 4 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: IMAGE}]}}}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: one, namespace: kinds}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: main, image: IMAGE}]}}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: one, namespace: kinds}, spec: {storageClassName: kinds, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: kinds-one}, spec: {storageClassName: other, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /nowhere}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: one, namespace: kinds}, spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}}}
---
{apiVersion: v1, kind: Endpoints, metadata: {name: one, namespace: kinds}, subsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 80}]}]}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: one, namespace: kinds}, addressType: IPv4, endpoints: [{addresses: [192.0.2.7]}], ports: [{name: http, port: 80}]}
---
{apiVersion: v1, kind: LimitRange, metadata: {name: one, namespace: kinds}, spec: {limits: [{type: Container, max: {cpu: "2"}}]}}
---
{apiVersion: v1, kind: PodTemplate, metadata: {name: one, namespace: kinds}, template: {spec: {containers: [{name: main, image: IMAGE}]}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: one, namespace: kinds}, spec: {replicas: 0, selector: {app: rc}, template: {metadata: {labels: {app: rc}}, spec: {containers: [{name: main, image: IMAGE}]}}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: one, namespace: kinds}, spec: {hard: {services: "50"}}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: one, namespace: kinds}, spec: {rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: kinds-one}, spec: {controller: example.com/ingress}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: one, namespace: kinds}, spec: {podSelector: {matchLabels: {app: none}}, policyTypes: [Ingress]}}
---
{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: kinds-one}, spec: {cidrs: [198.51.100.0/24]}}
---
{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 198.51.100.7}, spec: {parentRef: {resource: services, namespace: kinds, name: web}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: one, namespace: kinds}, spec: {minAvailable: 1, selector: {matchLabels: {app: none}}}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: kinds-one}, value: 7}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: one, namespace: kinds}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: one, namespace: kinds}, roleRef: {kind: Role, name: one}, subjects: [{kind: User, name: ann}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: kinds-one}, rules: [{nonResourceURLs: [/healthz], verbs: [get]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: kinds-one}, roleRef: {kind: ClusterRole, name: kinds-one}, subjects: [{kind: User, name: ann}]}
---
{apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: {name: csi.example.com}, spec: {attachRequired: false}}
---
{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: kinds-one}, spec: {drivers: [{name: csi.example.com, nodeID: x}]}}
---
{apiVersion: storage.k8s.io/v1, kind: CSIStorageCapacity, metadata: {name: one, namespace: kinds}, storageClassName: kinds, capacity: 5Gi}
---
{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: kinds}, provisioner: csi.example.com}
---
{apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, metadata: {name: kinds-one}, spec: {attacher: csi.example.com, nodeName: kinds-one, source: {persistentVolumeName: kinds-one}}}
---
{apiVersion: storage.k8s.io/v1, kind: VolumeAttributesClass, metadata: {name: kinds-one}, driverName: csi.example.com, parameters: {iops: "100"}}
`

// idle are the kinds that nothing acts on, which applying them warns of.
func idle() map[string]bool {
	out := map[string]bool{}
	for _, g := range strategy.Unsupported() {
		if k := kind.ByMessage(g.Message); g.Field == "" && k != nil {
			out[k.Name()] = true
		}
	}
	return out
}

// everyKind applies an object of each kind and reads it in every way; with their namespace, they go.
func everyKind(r *rig) {
	all := strings.ReplaceAll(oneOfEach, "IMAGE", r.image)
	file := filepath.Join(r.write(map[string]string{"kinds.yaml": all}), "kinds.yaml")
	docs, err := manifest.Files([]string{file}, false, nil, manifest.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := r.start(nil, "apply", "-f", file)
	var warnings bytes.Buffer
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("apply: %v\n%s%s", err, out, &warnings)
	}
	contains(r.t, "apply", string(out), "statefulset.apps/one created", "clusterrole.rbac.authorization.k8s.io/kinds-one created")
	if got := r.kaji("apply", "-f", file); strings.Count(got, " unchanged\n") != len(docs) {
		r.t.Errorf("what is applied again changes:\n%s", got)
	}

	idle, seen := idle(), map[string]bool{}
	for _, d := range docs {
		name, kindName := d.Object.GetMetadata().GetName(), d.Kind.Name()
		seen[kindName] = true
		if warned := strings.Contains(warnings.String(), "nothing acts on a "+kindName+" yet"); warned != idle[kindName] {
			r.t.Errorf("%s: warned of: %v, idle: %v\n%s", kindName, warned, idle[kindName], &warnings)
		}
		in := func(args ...string) []string {
			if d.Kind.Namespaced() {
				args = append(args, "-n", "kinds")
			}
			return args
		}
		arg := d.Kind.String() + "/" + name
		if d.Kind.Group == "" {
			arg = d.Kind.Plural() + "/" + name
		}
		table := lines(r.kaji(in("get", arg)...))
		if len(table) != 2 || !strings.HasPrefix(table[0], "NAME") || !strings.HasPrefix(table[1], name+" ") {
			r.t.Errorf("get %s: %q", arg, table)
		}
		r.kaji(in("get", arg, "-o", "wide")...)
		shown := r.kaji(in("get", arg, "-o", "yaml")...)
		contains(r.t, arg+" as yaml", shown, "kind: "+kindName, "name: "+name, "uid:")
		if got, err := r.tryIn(shown, "replace", "-f", "-"); err != nil {
			r.t.Errorf("%s does not go back as it was shown: %v\n%s", arg, err, got)
		}
		contains(r.t, "describe "+arg, r.kaji(in("describe", arg)...), "Name:", name, "Created:", "Events:")
		contains(r.t, "explain "+arg, r.kaji("explain", d.Kind.String()), kindName, "metadata")
	}
	for name := range idle {
		if !seen[name] {
			r.t.Errorf("no object of the kind %s is applied here", name)
		}
	}
	list := r.kaji("get", "all", "-n", "kinds", "-o", "name")
	contains(r.t, "get all", list, "daemonset.apps/one", "statefulset.apps/one", "job.batch/one", "cronjob.batch/one", "replicationcontroller/one", "horizontalpodautoscaler.autoscaling/one")

	r.kaji("delete", "namespace", "kinds")
	for _, d := range docs {
		if d.Kind.Namespaced() {
			r.fails(1, []string{"not found"}, "get", d.Kind.Plural()+"/"+d.Object.GetMetadata().GetName(), "-n", "kinds")
			continue
		}
		if d.Kind.Name() != "Namespace" {
			r.kaji("delete", d.Kind.Plural()+"/"+d.Object.GetMetadata().GetName())
		}
	}
}

// creatingKinds runs the shortcuts of create on the cluster.
func creatingKinds(r *rig) {
	r.kaji("create", "namespace", "made")
	// Suspended ones, so that nothing runs when something acts on them.
	r.kaji("create", "cronjob", "nightly", "-n", "made", "--image="+r.image, "--schedule=30 2 * * *", "--", "true")
	r.kaji("patch", "cronjob", "nightly", "-n", "made", "-p", `{"spec":{"suspend":true}}`)
	r.kaji("create", "job", "now", "-n", "made", "--from=cronjob/nightly")
	if out := r.kaji("get", "job/now", "-n", "made", "-o", "jsonpath={.spec.template.spec.containers[0].command} {.metadata.ownerReferences[0].name}"); out != `["true"] nightly` {
		r.t.Errorf("job --from: %s", out)
	}
	r.kaji("create", "service", "nodeport", "front", "-n", "made", "--tcp=80:8080")
	r.kaji("create", "service", "loadbalancer", "outside", "-n", "made", "--tcp=80:8080")
	r.kaji("create", "service", "externalname", "db", "-n", "made", "--external-name=db.example.com")
	contains(r.t, "get services", r.kaji("get", "services", "-n", "made"), "NodePort", "LoadBalancer", "ExternalName", "db.example.com")
	r.kaji("create", "ingress", "shop", "-n", "made", "--class=none", "--rule=shop.example.com/*=front:80,tls=cert")
	contains(r.t, "get ingress", r.kaji("get", "ingress", "-n", "made"), "shop.example.com", "80, 443")
	r.kaji("create", "poddisruptionbudget", "shop", "-n", "made", "--selector=app=none", "--max-unavailable=25%")
	contains(r.t, "get pdb", r.kaji("get", "pdb", "-n", "made"), "25%", "N/A")
	r.kaji("create", "quota", "shop", "-n", "made", "--hard=pods=20,requests.cpu=4")
	if out := r.kaji("get", "quota/shop", "-n", "made", "-o", "jsonpath={.spec.hard}"); out != `{"pods":"20","requests.cpu":"4"}` {
		r.t.Errorf("quota: %s", out)
	}
	r.kaji("create", "priorityclass", "made-high", "--value=1000", "--description=for tests")
	contains(r.t, "get priorityclass", r.kaji("get", "priorityclass", "made-high"), "1000")
	r.kaji("create", "role", "reader", "-n", "made", "--verb=get,list", "--resource=pods,deployments.apps")
	r.kaji("create", "rolebinding", "readers", "-n", "made", "--role=reader", "--user=ann")
	contains(r.t, "get rolebinding", r.kaji("get", "rolebinding", "-n", "made", "-o", "wide"), "Role/reader", "ann")
	r.kaji("create", "clusterrole", "made-health", "--verb=get", "--non-resource-url=/healthz")
	r.kaji("create", "clusterrolebinding", "made-health", "--clusterrole=made-health", "--group=support")
	contains(r.t, "get clusterrolebinding", r.kaji("get", "clusterrolebinding", "made-health", "-o", "wide"), "ClusterRole/made-health", "support")
	r.kaji("delete", "namespace", "made")
	r.kaji("delete", "priorityclass/made-high", "clusterrole/made-health", "clusterrolebinding/made-health")
}

// scalingKinds scales what no controller needs to act on.
func scalingKinds(r *rig) {
	for _, one := range []struct{ kind, manifest string }{
		{"statefulset.apps", `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: scaled}, spec: {replicas: 0, serviceName: x, selector: {matchLabels: {app: scaled-set}}, template: {metadata: {labels: {app: scaled-set}}, spec: {schedulingGates: [{name: example.com/never}], containers: [{name: main, image: IMAGE}]}}}}`},
		{"replicationcontroller", `{apiVersion: v1, kind: ReplicationController, metadata: {name: scaled}, spec: {replicas: 0, selector: {app: scaled-rc}, template: {metadata: {labels: {app: scaled-rc}}, spec: {schedulingGates: [{name: example.com/never}], containers: [{name: main, image: IMAGE}]}}}}`},
	} {
		r.run(one.manifest)
		if out, want := r.kaji("scale", one.kind+"/scaled", "--replicas=2"), fmt.Sprintf("%s/scaled scaled\n", one.kind); out != want {
			r.t.Errorf("scale: %q, want %q", out, want)
		}
		if out := r.kaji("get", one.kind+"/scaled", "-o", "jsonpath={.spec.replicas}"); out != "2" {
			r.t.Errorf("%s has %s replicas after scale", one.kind, out)
		}
		r.fails(1, []string{"2 replicas, not 5"}, "scale", one.kind+"/scaled", "--replicas=3", "--current-replicas=5")
		r.kaji("delete", one.kind+"/scaled", "--wait=false")
	}
}

// streamsOfKinds reads the log of the pod that a stateful set selects, and runs a command in it. A set without replicas
// leaves alone a pod that is not named like its own.
func streamsOfKinds(r *rig) {
	r.run(`
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: streams}, spec: {replicas: 0, serviceName: x, selector: {matchLabels: {app: streams}}, template: {metadata: {labels: {app: streams}}, spec: {containers: [{name: main, image: IMAGE}]}}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: by-hand, labels: {app: streams}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: IMAGE, command: [sh, -c, "echo hello; sleep 1000"]}]}}
`)
	r.ready("by-hand")
	if out := r.kaji("logs", "statefulset/streams"); out != "hello\n" {
		r.t.Errorf("logs: %q", out)
	}
	if out := r.kaji("exec", "sts/streams", "--", "echo", "there"); out != "there\n" {
		r.t.Errorf("exec: %q", out)
	}
	if out := r.kaji("set", "image", "sts/streams", "main=other:1"); out != "statefulset.apps/streams image updated\n" {
		r.t.Errorf("set image: %q", out)
	}
	contains(r.t, "describe", r.kaji("describe", "sts/streams"), "0 desired", "other:1", "Pods Status:")
	r.kaji("delete", "sts/streams", "--wait=false")
	r.remove("by-hand")
}
