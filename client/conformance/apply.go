package conformance

import (
	"fmt"
	"strings"
	"testing"

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
	first := apply("one", "{x: '1', w: '1'}")
	if m := first.GetMetadata(); len(m.GetManagedFields()) != 1 || m.GetManagedFields()[0].GetManager() != "one" || m.GetUid() == "" {
		t.Errorf("a new object has %v", m)
	}
	if again := apply("one", "{x: '1', w: '1'}"); !proto.Equal(first, again) {
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
	if got := must(s.maps.Apply(s.ctx, s.namespace, "a", declare("{z: '2'}"), by("two")))(t); fmt.Sprint(got.GetData()) != "map[z:2]" {
		t.Errorf("after two gave up the other: %v", got.GetData())
	}
	for what, patch := range map[string]string{
		"another kind":     "apiVersion: v1\nkind: Secret\n",
		"another name":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n",
		"an unknown field": "apiVersion: v1\nkind: ConfigMap\ndate: {x: '1'}\n",
		"no YAML":          "{",
	} {
		if _, err := s.maps.Apply(s.ctx, s.namespace, "a", []byte(patch), by("one")); apierror.ReasonOf(err) != apierror.ReasonBadRequest && !apierror.IsInvalid(err) {
			t.Errorf("applying %s: %v", what, err)
		}
	}
}

// What was set by an update is its writer's: whoever applies something else there is told.
func testApplyOverUpdates(t *testing.T, s *suite) {
	m := s.newMap("a", nil)
	m.Data = map[string]string{"x": "1"}
	created := must(s.maps.CreateWith(s.ctx, m, &metav1.CreateOptions{FieldManager: "creator"}))(t)
	created.Data["w"] = "1"
	must(s.maps.UpdateWith(s.ctx, created, &metav1.UpdateOptions{FieldManager: "updater"}))(t)
	must(s.maps.PatchWith(s.ctx, &metav1.PatchRequest{Namespace: s.namespace, Name: "a", Patch: []byte(`{"data":{"z":"1"}}`), Options: &metav1.PatchOptions{FieldManager: "patcher"}}))(t)
	for key, manager := range map[string]string{"x": "creator", "w": "updater", "z": "patcher"} {
		declared := []byte("apiVersion: v1\nkind: ConfigMap\ndata: {" + key + ": '2'}\n")
		_, err := s.maps.Apply(s.ctx, s.namespace, "a", declared, &metav1.ApplyOptions{FieldManager: "applier"})
		if !apierror.IsConflict(err) {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if v := err.(*apierror.Error).Violations; len(v) != 1 || v[0].Field != "data."+key || !strings.Contains(v[0].Description, manager) {
			t.Errorf("%s, which %s set: %v", key, manager, v)
		}
	}
}
