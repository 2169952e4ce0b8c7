package conformance

import (
	"fmt"
	"testing"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

func testApply(t *testing.T, s *suite) {
	by := func(manager string) *metav1.ApplyOptions { return &metav1.ApplyOptions{FieldManager: manager} }
	declare := func(data string) []byte {
		return []byte("apiVersion: v1\nkind: ConfigMap\ndata: " + data + "\n")
	}
	apply := func(manager, data string) *corev1.ConfigMap {
		t.Helper()
		return must(s.maps.Apply(s.ctx, s.namespace, "a", declare(data), by(manager)))(t)
	}
	dry := by("one")
	dry.DryRun = []string{"All"}
	must(s.maps.Apply(s.ctx, s.namespace, "a", declare("{x: '1'}"), dry))(t)
	if _, err := s.maps.Get(s.ctx, s.namespace, "a"); !apierror.IsNotFound(err) {
		t.Errorf("after a dry run: %v", err)
	}
	if _, err := s.maps.Apply(s.ctx, s.namespace, "a", declare("{x: '1'}"), nil); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("without a manager: %v", err)
	}
	first := apply("one", "{x: '1', y: '1'}")
	if m := first.GetMetadata(); len(m.GetManagedFields()) != 1 || m.GetManagedFields()[0].GetManager() != "one" || m.GetUid() == "" {
		t.Errorf("a new object has %v", m)
	}
	if again := apply("one", "{x: '1', y: '1'}"); !proto.Equal(first, again) {
		t.Errorf("applying the same again made %v of %v", again, first)
	}
	apply("two", "{x: '1', z: '2'}")

	_, err := s.maps.Apply(s.ctx, s.namespace, "a", declare("{x: '3'}"), by("two"))
	if !apierror.IsConflict(err) {
		t.Fatalf("another value for a field of another manager: %v", err)
	}
	if v := err.(*apierror.Error).Violations; len(v) != 1 || v[0].Field != "data.x" || v[0].Reason != "FieldManagerConflict" {
		t.Errorf("the conflict has the violations %v", v)
	}
	forced := by("two")
	forced.Force = true
	if got := must(s.maps.Apply(s.ctx, s.namespace, "a", declare("{x: '3', z: '2'}"), forced))(t); got.GetData()["x"] != "3" {
		t.Errorf("after force: %v", got.GetData())
	}
	if got := apply("one", "{}"); fmt.Sprint(got.GetData()) != "map[x:3 z:2]" {
		t.Errorf("after one gave up its fields: %v", got.GetData())
	}
	packed, err := apiv1.NewResourceServiceClient(s.client.Conn()).Apply(s.ctx, &apiv1.ResourceServiceApplyRequest{
		Type:    string(s.maps.Kind().Message),
		Request: &metav1.ApplyRequest{Namespace: s.namespace, Name: "a", Patch: declare("{z: '2'}"), Options: by("two")},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := &corev1.ConfigMap{}
	if err := packed.UnmarshalTo(got); err != nil || fmt.Sprint(got.GetData()) != "map[z:2]" {
		t.Errorf("through ResourceService: %v, %v", got.GetData(), err)
	}
}
