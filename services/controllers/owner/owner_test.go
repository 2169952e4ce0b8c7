package owner

import (
	"testing"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
)

func TestControllerReference(t *testing.T) {
	rs := &appsv1.ReplicaSet{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web", Uid: "1"}}
	ref := Reference(rs)
	if ref.GetApiVersion() != "apps/v1" || ref.GetKind() != "ReplicaSet" || ref.GetName() != "web" || ref.GetUid() != "1" || !ref.GetController() || !ref.GetBlockOwnerDeletion() {
		t.Errorf("reference %v", ref)
	}
	pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", OwnerReferences: []*metav1.OwnerReference{{Uid: "0"}, ref}}}
	if Controller(pod) != ref || ControllerUID(pod) != "1" {
		t.Errorf("controller %v", Controller(pod))
	}
	if got := ByController(pod); len(got) != 1 || got[0] != "1" || Orphans(pod) != nil {
		t.Errorf("indexed under %v and %v", got, Orphans(pod))
	}
	pod.Metadata.OwnerReferences = Without(pod.Metadata.OwnerReferences, "1")
	if Controller(pod) != nil || len(pod.Metadata.OwnerReferences) != 1 {
		t.Errorf("left %v", pod.Metadata.OwnerReferences)
	}
	if got := Orphans(pod); len(got) != 1 || got[0] != "default" || ByController(pod) != nil {
		t.Errorf("indexed under %v and %v", got, ByController(pod))
	}
}

func TestIsTo(t *testing.T) {
	sets := kind.Of((*appsv1.ReplicaSet)(nil))
	for _, tc := range []struct {
		apiVersion, kind string
		want             bool
	}{
		{"apps/v1", "ReplicaSet", true},
		{"apps/v1beta2", "ReplicaSet", true},
		{"apps/v1", "Deployment", false},
		{"extensions/v1beta1", "ReplicaSet", false},
		{"v1", "ReplicaSet", false},
	} {
		if got := IsTo(&metav1.OwnerReference{ApiVersion: tc.apiVersion, Kind: tc.kind, Controller: proto.Bool(true)}, sets); got != tc.want {
			t.Errorf("%s %s: %v", tc.apiVersion, tc.kind, got)
		}
	}
}
