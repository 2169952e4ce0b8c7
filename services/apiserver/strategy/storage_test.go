package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestPersistentVolumeRules(t *testing.T) {
	const base = `{apiVersion: v1, kind: PersistentVolume, metadata: {name: v}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"no source", `spec: {hostPath: null}`, []string{"spec Required"}},
		{"two sources", `spec: {nfs: {server: s, path: /}}`, []string{"spec Forbidden"}},
		{"no size", `spec: {capacity: null}`, []string{"spec.capacity Required"}},
		{"no size at all", `spec: {capacity: {storage: "0"}}`, []string{"spec.capacity[storage] Invalid"}},
		{"another resource", `spec: {capacity: {cpu: 1}}`, []string{"spec.capacity NotSupported"}},
		{"steps back", `spec: {hostPath: {path: /a/../b}}`, []string{"spec.hostPath.path Invalid"}},
		{"local without a node", `spec: {hostPath: null, local: {path: /disk}}`, []string{"spec.nodeAffinity Required"}},
		{"unknown policy", `spec: {persistentVolumeReclaimPolicy: Burn}`, []string{"spec.persistentVolumeReclaimPolicy NotSupported"}},
		{"a driver without a handle", `spec: {hostPath: null, csi: {driver: d}}`, []string{"spec.csi.volumeHandle Required"}},
	})
	runUpdates(t, base, []ruleCase{
		{"bound", `spec: {claimRef: {namespace: default, name: c}}`, nil},
		{"elsewhere", `spec: {hostPath: {path: /other}}`, []string{"spec.persistentVolumeSource Forbidden"}},
		{"a block device", `spec: {volumeMode: Block}`, []string{"spec.volumeMode Invalid"}},
	})
	o, _ := build(t, base, `{}`)
	if v := o.(*corev1.PersistentVolume); v.GetSpec().GetPersistentVolumeReclaimPolicy() != "Retain" || v.GetSpec().GetVolumeMode() != "Filesystem" || v.GetStatus().GetPhase() != "Pending" {
		t.Errorf("defaults: %v", v)
	}
}

func TestStorageClassRules(t *testing.T) {
	const base = `{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, provisioner: example.com/disk}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"no provisioner", `provisioner: ""`, []string{"provisioner Invalid", "provisioner Invalid"}},
		{"unknown policies", `{reclaimPolicy: Recycle, volumeBindingMode: Later}`, []string{"reclaimPolicy NotSupported", "volumeBindingMode NotSupported"}},
		{"an empty parameter", `parameters: {"": a}`, []string{"parameters Invalid"}},
		{"a place without values", `allowedTopologies: [{matchLabelExpressions: [{key: zone}]}]`, []string{"allowedTopologies[0].matchLabelExpressions[0].values Required"}},
	})
	runUpdates(t, base, []ruleCase{
		{"may grow", `allowVolumeExpansion: true`, nil},
		{"all else", `{provisioner: example.com/x, parameters: {a: b}, reclaimPolicy: Retain, volumeBindingMode: WaitForFirstConsumer}`,
			[]string{"parameters Forbidden", "provisioner Forbidden", "reclaimPolicy Forbidden", "volumeBindingMode Forbidden"}},
	})
}

func TestCSIRules(t *testing.T) {
	const driver = `{apiVersion: storage.k8s.io/v1, kind: CSIDriver, metadata: {name: disk.example.com}}`
	runCases(t, driver, []ruleCase{
		{"plain", `{}`, nil},
		{"unknown words", `spec: {volumeLifecycleModes: [Forever], fsGroupPolicy: Maybe}`, []string{"spec.fsGroupPolicy NotSupported", "spec.volumeLifecycleModes[0] NotSupported"}},
		{"tokens", `spec: {tokenRequests: [{audience: a}, {audience: a, expirationSeconds: 5}]}`, []string{"spec.tokenRequests[1].audience Duplicate", "spec.tokenRequests[1].expirationSeconds Invalid"}},
		{"too often", `spec: {nodeAllocatableUpdatePeriodSeconds: 1}`, []string{"spec.nodeAllocatableUpdatePeriodSeconds Invalid"}},
	})
	runUpdates(t, driver, []ruleCase{
		{"pods", `spec: {podInfoOnMount: true}`, nil},
		{"attaching", `spec: {attachRequired: false}`, []string{"spec.attachRequired Invalid"}},
		{"lives", `spec: {volumeLifecycleModes: [Ephemeral]}`, []string{"spec.volumeLifecycleModes Invalid"}},
	})
	runCases(t, `{apiVersion: storage.k8s.io/v1, kind: CSINode, metadata: {name: n1}, spec: {drivers: [{name: d, nodeID: n1}]}}`, []ruleCase{
		{"a node", `{}`, nil},
		{"a driver twice", `spec: {drivers: [{name: d, nodeID: n1}, {name: d, nodeID: ""}]}`, []string{"spec.drivers[1].name Duplicate", "spec.drivers[1].nodeID Required"}},
	})
	const attachment = `{apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, metadata: {name: a}, spec: {attacher: d, nodeName: n1, source: {persistentVolumeName: v}}}`
	runCases(t, attachment, []ruleCase{
		{"an attachment", `{}`, nil},
		{"of nothing", `spec: {source: null}`, []string{"spec.source Required"}},
	})
	runUpdates(t, attachment, []ruleCase{{"to another node", `spec: {nodeName: n2}`, []string{"spec Invalid"}}})
	const capacity = `{apiVersion: storage.k8s.io/v1, kind: CSIStorageCapacity, metadata: {name: a, namespace: default}, storageClassName: fast}`
	runCases(t, capacity, []ruleCase{{"a capacity", `capacity: 1Gi`, nil}, {"of no class", `storageClassName: ""`, []string{"storageClassName Invalid"}}})
	runUpdates(t, capacity, []ruleCase{{"of another class", `storageClassName: slow`, []string{"storageClassName Invalid"}}})
	const class = `{apiVersion: storage.k8s.io/v1, kind: VolumeAttributesClass, metadata: {name: gold}, driverName: d, parameters: {a: b}}`
	runCases(t, class, []ruleCase{{"a class", `{}`, nil}, {"a class of nothing", `parameters: null`, []string{"parameters Required"}}})
	runUpdates(t, class, []ruleCase{{"other attributes", `parameters: {a: c}`, []string{"parameters Forbidden"}}})
}
