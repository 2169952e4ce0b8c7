package strategy

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const baseClaim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: default}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`

func TestPersistentVolumeClaimRules(t *testing.T) {
	runCases(t, baseClaim, []ruleCase{
		{"plain", `{}`, nil},
		{"no spec", `spec: null`, []string{"spec.accessModes Required", "spec.resources.requests[storage] Required"}},
		{"no size", `spec: {resources: {requests: {storage: "0"}}}`, []string{"spec.resources.requests[storage] Invalid"}},
		{"less than nothing", `spec: {resources: {requests: {storage: "-1"}}}`, []string{"spec.resources.requests[storage] Invalid"}},
		{"unknown mode", `spec: {accessModes: [ReadWriteSometimes]}`, []string{"spec.accessModes[0] NotSupported"}},
		{"alone with others", `spec: {accessModes: [ReadWriteOncePod, ReadWriteMany]}`, []string{"spec.accessModes Forbidden"}},
		{"a block device", `spec: {volumeMode: Block}`, nil},
		{"unknown volume mode", `spec: {volumeMode: Tape}`, []string{"spec.volumeMode NotSupported"}},
		{"no class at all", `spec: {storageClassName: ""}`, nil},
		{"a bad class", `spec: {storageClassName: A_B}`, []string{"spec.storageClassName Invalid"}},
		{"a copy", `spec: {dataSource: {kind: PersistentVolumeClaim, name: other}}`, nil},
		{"a copy of nothing", `spec: {dataSourceRef: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: ""}}`,
			[]string{"spec.dataSource.name Required", "spec.dataSourceRef.name Required"}},
		{"a copy of what cannot be copied", `spec: {dataSource: {kind: Pod, name: other}}`, []string{"spec.dataSource Invalid", "spec.dataSourceRef Invalid"}},
		{"two sources", `spec: {dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}}`, []string{"spec.dataSource Invalid"}},
	})
	o, _ := build(t, baseClaim, `spec: {dataSource: {kind: PersistentVolumeClaim, name: other}}`)
	c := o.(*corev1.PersistentVolumeClaim)
	if c.GetStatus().GetPhase() != "Pending" || c.GetSpec().GetVolumeMode() != "Filesystem" || c.GetSpec().GetDataSourceRef().GetName() != "other" {
		t.Errorf("defaults: %v", c)
	}
}

func TestPersistentVolumeClaimUpdates(t *testing.T) {
	size := func(text string) map[string]*metav1.Quantity {
		return map[string]*metav1.Quantity{"storage": {String_: text}}
	}
	for _, c := range []struct {
		name, phase, given string
		change             func(*corev1.PersistentVolumeClaimSpec)
		want               []string
	}{
		{"bound", "Pending", "", func(s *corev1.PersistentVolumeClaimSpec) { s.VolumeName = "v1" }, nil},
		{"given the default class", "Pending", "", func(s *corev1.PersistentVolumeClaimSpec) { s.StorageClassName = proto.String("fast") }, nil},
		{"other modes", "Pending", "", func(s *corev1.PersistentVolumeClaimSpec) { s.AccessModes = []string{"ReadWriteMany"} }, []string{"spec Forbidden"}},
		{"larger before it is bound", "Pending", "", func(s *corev1.PersistentVolumeClaimSpec) { s.Resources.Requests = size("2Gi") }, []string{"spec Forbidden"}},
		{"larger", "Bound", "1Gi", func(s *corev1.PersistentVolumeClaimSpec) { s.Resources.Requests = size("2Gi") }, nil},
		{"smaller", "Bound", "1Gi", func(s *corev1.PersistentVolumeClaimSpec) { s.Resources.Requests = size("512Mi") }, []string{"spec.resources.requests[storage] Forbidden"}},
		{"smaller, but never that large", "Bound", "256Mi", func(s *corev1.PersistentVolumeClaimSpec) { s.Resources.Requests = size("512Mi") }, nil},
		{"another class of attributes", "Bound", "1Gi", func(s *corev1.PersistentVolumeClaimSpec) { s.VolumeAttributesClassName = proto.String("gold") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s := build(t, baseClaim, `{}`)
			old := o.(*corev1.PersistentVolumeClaim)
			old.Status.Phase = c.phase
			if c.given != "" {
				old.Status.Capacity = size(c.given)
			}
			new := proto.CloneOf(old)
			c.change(new.Spec)
			if got := brief(s.ValidateUpdate(new, old)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPersistentVolumeClaimStatus(t *testing.T) {
	o, s := build(t, baseClaim, `{}`)
	new := proto.Clone(o).(*corev1.PersistentVolumeClaim)
	new.Status = &corev1.PersistentVolumeClaimStatus{Phase: "Gone", Capacity: map[string]*metav1.Quantity{"storage": {String_: "-1"}},
		AllocatedResourceStatuses: map[string]string{"storage": "Growing"}}
	want := []string{"status.allocatedResourceStatuses[storage] NotSupported", "status.capacity[storage] Invalid", "status.phase NotSupported"}
	if got := brief(s.ValidateStatusUpdate(new, o)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
