package conformance

import (
	"strconv"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"google.golang.org/protobuf/proto"
)

const (
	added    = metav1.EventType_EVENT_TYPE_ADDED
	modified = metav1.EventType_EVENT_TYPE_MODIFIED
	deleted  = metav1.EventType_EVENT_TYPE_DELETED
)

func testWatch(t *testing.T, s *suite) {
	label := map[string]string{"watch": "yes"}
	first := s.createMap(t, "a", label)
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "watch=yes"}))(t)
	defer w.Stop()
	expect(t, w, added, "a", "value")
	s.createMap(t, "b", label)
	expect(t, w, added, "b", "value")
	changed := proto.CloneOf(first)
	changed.Data["key"] = "changed"
	changed = must(s.maps.Update(s.ctx, changed))(t)
	expect(t, w, modified, "a", "changed")
	if err := s.maps.Delete(s.ctx, s.namespace, "a", nil); err != nil {
		t.Fatal(err)
	}
	last := expect(t, w, deleted, "a", "changed")
	if revision(t, last) <= revision(t, changed) {
		t.Errorf("the deletion has revision %s, the last change %s", last.GetMetadata().GetResourceVersion(), changed.GetMetadata().GetResourceVersion())
	}
}

func testWatchResumes(t *testing.T, s *suite) {
	first := s.createMap(t, "a", nil)
	s.createMap(t, "b", nil)
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{ResourceVersion: first.GetMetadata().GetResourceVersion(), FieldSelector: "metadata.name!=kube-root-ca.crt"}))(t)
	seen := expect(t, w, added, "b", "value")
	w.Stop()
	s.createMap(t, "c", nil)
	if err := s.maps.Delete(s.ctx, s.namespace, "b", nil); err != nil {
		t.Fatal(err)
	}
	w = must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{ResourceVersion: seen.GetMetadata().GetResourceVersion(), FieldSelector: "metadata.name!=kube-root-ca.crt"}))(t)
	defer w.Stop()
	expect(t, w, added, "c", "value")
	expect(t, w, deleted, "b", "value")
}

// An object that comes to match is added, one that ceases to match is deleted.
func testWatchSelects(t *testing.T, s *suite) {
	_, meta, err := s.maps.List(s.ctx, s.namespace, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "on=yes", ResourceVersion: meta.GetResourceVersion()}))(t)
	defer w.Stop()
	m := s.createMap(t, "a", nil)
	m.Metadata.Labels = map[string]string{"on": "yes"}
	m = must(s.maps.Update(s.ctx, m))(t)
	expect(t, w, added, "a", "value")
	m.Data["key"] = "changed"
	m = must(s.maps.Update(s.ctx, m))(t)
	expect(t, w, modified, "a", "changed")
	m.Metadata.Labels = nil
	must(s.maps.Update(s.ctx, m))(t)
	expect(t, w, deleted, "a", "changed")
	s.createMap(t, "b", map[string]string{"on": "yes"})
	expect(t, w, added, "b", "value")
}

func expect(t *testing.T, w Watch, kind metav1.EventType, name, value string) *corev1.ConfigMap {
	t.Helper()
	e, err := w.Recv()
	if err != nil {
		t.Fatalf("waiting for %v of %s: %v", kind, name, err)
	}
	m := e.Object.(*corev1.ConfigMap)
	if e.Type != kind || m.GetMetadata().GetName() != name || m.GetData()["key"] != value {
		t.Fatalf("event %v of %v, want %v of %s with %s", e.Type, e.Object, kind, name, value)
	}
	return m
}

func revision(t *testing.T, m *corev1.ConfigMap) int64 {
	t.Helper()
	return must(strconv.ParseInt(m.GetMetadata().GetResourceVersion(), 10, 64))(t)
}
