package conformance

import (
	"context"
	"strconv"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client"

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

func testInformer(t *testing.T, s *suite) {
	s.createMap(t, "a", map[string]string{"i": "yes"})
	informer := client.NewInformer(s.maps, client.InformerOptions{Namespace: s.namespace, LabelSelector: "i=yes"})
	events := make(chan string, 10)
	informer.AddHandler(client.Handler[*corev1.ConfigMap]{
		OnAdd:    func(m *corev1.ConfigMap) { events <- "add " + m.GetMetadata().GetName() },
		OnUpdate: func(_, m *corev1.ConfigMap) { events <- "update " + m.GetMetadata().GetName() },
		OnDelete: func(m *corev1.ConfigMap) { events <- "delete " + m.GetMetadata().GetName() },
	})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() { done <- informer.Run(ctx) }()
	want := func(event string) {
		t.Helper()
		select {
		case got := <-events:
			if got != event {
				t.Fatalf("%q, want %q", got, event)
			}
		case <-s.ctx.Done():
			t.Fatalf("no %q", event)
		}
	}
	if err := informer.WaitSynced(s.ctx); err != nil {
		t.Fatal(err)
	}
	want("add a")
	m := s.createMap(t, "b", map[string]string{"i": "yes"})
	want("add b")
	m.Data["key"] = "changed"
	must(s.maps.Update(s.ctx, m))(t)
	want("update b")
	if got, ok := informer.Get(s.namespace, "b"); !ok || got.GetData()["key"] != "changed" {
		t.Errorf("the cache holds %v", got)
	}
	if err := s.maps.Delete(s.ctx, s.namespace, "a", nil); err != nil {
		t.Fatal(err)
	}
	want("delete a")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func expect(t *testing.T, w *client.Watch[*corev1.ConfigMap], kind metav1.EventType, name, value string) *corev1.ConfigMap {
	t.Helper()
	e, err := w.Recv()
	if err != nil {
		t.Fatalf("waiting for %v of %s: %v", kind, name, err)
	}
	if e.Type != kind || e.Object.GetMetadata().GetName() != name || e.Object.GetData()["key"] != value {
		t.Fatalf("event %v of %v, want %v of %s with %s", e.Type, e.Object, kind, name, value)
	}
	return e.Object
}

func revision(t *testing.T, m *corev1.ConfigMap) int64 {
	t.Helper()
	return must(strconv.ParseInt(m.GetMetadata().GetResourceVersion(), 10, 64))(t)
}
