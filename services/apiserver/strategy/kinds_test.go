package strategy

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func TestNamespaceRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: Namespace, metadata: {name: team}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"dots", `metadata: {name: a.b}`, []string{"metadata.name Invalid"}},
		{"in a namespace", `metadata: {namespace: default}`, []string{"metadata.namespace Forbidden"}},
		{"bad finalizer", `spec: {finalizers: ["a b"]}`, []string{"spec.finalizers[0] Invalid"}},
	})
	runUpdates(t, base, []ruleCase{
		{"label", `metadata: {labels: {a: b}}`, nil},
		{"finalizer added has no effect", `spec: {finalizers: [example.com/x]}`, nil},
	})
	t.Run("finalizers", func(t *testing.T) {
		for _, deleting := range []bool{false, true} {
			old, s := build(t, base, `{}`)
			if deleting {
				old.GetMetadata().DeletionTimestamp = timestamppb.Now()
			}
			new := proto.Clone(old).(*corev1.Namespace)
			new.Spec = &corev1.NamespaceSpec{}
			s.PrepareUpdate(new, old)
			if lifted := len(new.GetSpec().GetFinalizers()) == 0; lifted != deleting {
				t.Errorf("being deleted: %v, lifted: %v", deleting, lifted)
			}
			new.Spec = &corev1.NamespaceSpec{Finalizers: []string{"kubernetes", "example.com/x"}}
			if refused := len(s.ValidateUpdate(new, old)) > 0; !refused {
				t.Error("a finalizer was added")
			}
		}
	})
}

func TestConfigMapRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: default}}`
	runCases(t, base, []ruleCase{
		{"plain", `data: {a: b, app.conf: c, _x-1: d}`, nil},
		{"bad key", `data: {"a/b": c}`, []string{"data[a/b] Invalid"}},
		{"bad binary key", `binaryData: {"..": YQ==}`, []string{"binaryData[..] Invalid"}},
		{"key twice", `{data: {a: b}, binaryData: {a: YQ==}}`, []string{"data[a] Invalid"}},
		{"too much", `data: {a: "` + strings.Repeat("x", maxDataBytes+1) + `"}`, []string{"data TooLong"}},
		{"just enough", `data: {a: "` + strings.Repeat("x", maxDataBytes) + `"}`, nil},
	})
	const frozen = `{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: default}, immutable: true, data: {a: b}}`
	runUpdates(t, frozen, []ruleCase{
		{"label on a frozen one", `metadata: {labels: {a: b}}`, nil},
		{"data of a frozen one", `data: {a: c}`, []string{"data Forbidden"}},
		{"binary data of a frozen one", `binaryData: {b: YQ==}`, []string{"binaryData Forbidden"}},
		{"thaw", `immutable: false`, []string{"immutable Forbidden"}},
	})
}

func TestSecretRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}}`
	runCases(t, base, []ruleCase{
		{"plain", `data: {a: YQ==}`, nil},
		{"bad key", `stringData: {"a/b": c}`, []string{"data[a/b] Invalid"}},
		{"too much", `stringData: {a: "` + strings.Repeat("x", maxDataBytes+1) + `"}`, []string{"data TooLong"}},
		{"token of nobody", `type: kubernetes.io/service-account-token`, []string{"metadata.annotations[kubernetes.io/service-account.name] Required"}},
		{"docker config missing", `type: kubernetes.io/dockerconfigjson`, []string{"data[.dockerconfigjson] Required"}},
		{"docker config that is no JSON", `{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: "{"}}`, []string{"data[.dockerconfigjson] Invalid"}},
		{"old docker config", `{type: kubernetes.io/dockercfg, stringData: {.dockercfg: "{}"}}`, nil},
		{"basic auth without anything", `type: kubernetes.io/basic-auth`, []string{"data[password] Required", "data[username] Required"}},
		{"basic auth with a password", `{type: kubernetes.io/basic-auth, stringData: {password: x}}`, nil},
		{"ssh without a key", `type: kubernetes.io/ssh-auth`, []string{"data[ssh-privatekey] Required"}},
		{"tls without a key", `{type: kubernetes.io/tls, stringData: {tls.crt: x}}`, []string{"data[tls.key] Required"}},
		{"a type of one's own", `type: example.com/x`, nil},
	})
	runUpdates(t, base, []ruleCase{
		{"data", `stringData: {a: b}`, nil},
		{"type", `type: example.com/x`, []string{"type Invalid"}},
	})
	runUpdates(t, `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: default}, immutable: true}`, []ruleCase{
		{"data of a frozen one", `stringData: {a: b}`, []string{"data Forbidden"}},
	})
}

func TestNodeRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: Node, metadata: {name: n1}, spec: {podCIDR: 10.1.0.0/24, providerID: kaji://1}, status: {capacity: {cpu: "2"}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"bad taint", `spec: {taints: [{key: "a b", effect: Maybe}]}`, []string{"spec.taints[0].effect NotSupported", "spec.taints[0].key Invalid"}},
		{"taint without an effect", `spec: {taints: [{key: a, effect: ""}]}`, []string{"spec.taints[0].effect Required"}},
		{"taint twice", `spec: {taints: [{key: a, effect: NoSchedule, value: b}, {key: a, effect: NoSchedule}]}`, []string{"spec.taints[1] Duplicate"}},
		{"taint with two effects", `spec: {taints: [{key: a, effect: NoSchedule}, {key: a, effect: NoExecute}]}`, nil},
		{"bad CIDR", `spec: {podCIDR: 10.1.0.0}`, []string{"spec.podCIDRs[0] Invalid"}},
		{"two CIDRs of a family", `spec: {podCIDRs: [10.1.0.0/24, 10.2.0.0/24]}`, []string{"spec.podCIDRs Invalid"}},
		{"more to give than there is", `status: {allocatable: {cpu: "3"}}`, []string{"status.allocatable[cpu] Invalid"}},
		{"address twice", `status: {addresses: [{type: InternalIP, address: 10.0.0.1}, {type: InternalIP, address: 10.0.0.1}]}`, []string{"status.addresses[1] Duplicate"}},
	})
	runUpdates(t, base, []ruleCase{
		{"cordon", `spec: {unschedulable: true}`, nil},
		{"CIDR left out", `spec: {podCIDR: null}`, nil},
		{"CIDR", `spec: {podCIDR: 10.2.0.0/24}`, []string{"spec.podCIDRs Forbidden"}},
		{"provider id left out", `spec: {providerID: null}`, nil},
		{"provider id", `spec: {providerID: kaji://2}`, []string{"spec.providerID Forbidden"}},
	})
}

func TestEventRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: Event, metadata: {name: e, namespace: team}, involvedObject: {kind: Pod, name: p, namespace: team}, reason: Started}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"about another namespace", `involvedObject: {namespace: other}`, []string{"involvedObject.namespace Invalid"}},
		{"about a node, not in default", `involvedObject: {kind: Node, namespace: null}`, []string{"involvedObject.namespace Invalid"}},
		{"about a node", `{metadata: {namespace: default}, involvedObject: {kind: Node, namespace: null}}`, nil},
		{"newer way, incomplete", `{eventTime: "2026-11-23T10:00:00.000000Z", reason: null}`,
			[]string{"action Required", "reason Required", "reportingController Required", "reportingInstance Required"}},
		{"newer way", `{eventTime: "2026-11-23T10:00:00.000000Z", action: Start, reportingComponent: kaji.dev/node, reportingInstance: n1}`, nil},
		{"series of one", `{eventTime: "2026-11-23T10:00:00.000000Z", action: Start, reportingComponent: kaji.dev/node, reportingInstance: n1, series: {count: 1, lastObservedTime: "2026-11-23T10:00:00.000000Z"}}`,
			[]string{"series.count Invalid"}},
	})
}

func TestLeaseRules(t *testing.T) {
	runCases(t, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l, namespace: default}, spec: {holderIdentity: me, leaseDurationSeconds: 15}}`, []ruleCase{
		{"plain", `{}`, nil},
		{"no spec", `spec: null`, nil},
		{"no time", `spec: {leaseDurationSeconds: 0}`, []string{"spec.leaseDurationSeconds Invalid"}},
		{"negative transitions", `spec: {leaseTransitions: -1}`, []string{"spec.leaseTransitions Invalid"}},
		{"unknown strategy", `spec: {strategy: Loudest}`, []string{"spec.strategy NotSupported"}},
		{"preferred without a strategy", `spec: {preferredHolder: you}`, []string{"spec.preferredHolder Forbidden"}},
	})
}

func TestRuntimeClassRules(t *testing.T) {
	const base = `{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: gvisor}, handler: runsc}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"no handler", `handler: ""`, []string{"handler Invalid"}},
		{"bad handler", `handler: Run_sc`, []string{"handler Invalid"}},
		{"negative overhead", `overhead: {podFixed: {cpu: "-1"}}`, []string{"overhead.podFixed[cpu] Invalid"}},
		{"bad selector", `scheduling: {nodeSelector: {a: "b c"}}`, []string{"scheduling.nodeSelector Invalid"}},
		{"toleration twice", `scheduling: {tolerations: [{key: a, operator: Exists}, {key: a, operator: Exists}]}`, []string{"scheduling.tolerations[1] Duplicate"}},
	})
	runUpdates(t, base, []ruleCase{
		{"overhead", `overhead: {podFixed: {cpu: 10m}}`, nil},
		{"handler", `handler: kata`, []string{"handler Invalid"}},
	})
}

func TestServiceAccountRules(t *testing.T) {
	runCases(t, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: default}}`, []ruleCase{
		{"plain", `secrets: [{name: a}]`, nil},
		{"bad name", `metadata: {name: R}`, []string{"metadata.name Invalid"}},
	})
}

// TestEmptyObjects sends each kind with nothing in it through everything: nothing may panic, and what has no
// name is invalid.
func TestEmptyObjects(t *testing.T) {
	for _, k := range kind.All() {
		t.Run(k.String(), func(t *testing.T) {
			o, s := k.New(), For(k)
			if len(s.Validate(o)) == 0 {
				t.Error("an object without a name passes")
			}
			s.Warnings(o)
			s.ValidateUpdate(o, k.New())
			s.Default(o)
			s.PrepareCreate(o)
			s.PrepareUpdate(o, k.New())
			s.Validate(o)
			s.ValidateUpdate(o, k.New())
			s.ValidateUpdate(k.New(), o)
			s.ValidateStatusUpdate(o, k.New())
			s.Warnings(o)
		})
	}
}
