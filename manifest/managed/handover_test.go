package managed_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"
)

// updated writes a whole object as a manager that does not apply.
func (w *world) updated(manager, text string) {
	w.t.Helper()
	k := kind.Lookup("deployments")
	next, err := manifest.FromJSON(k, []byte(text), true)
	if err != nil {
		w.t.Fatal(err)
	}
	entries, err := w.schema.Update(w.object, next, manager, "", now)
	if err != nil {
		w.t.Fatal(err)
	}
	kind.Metadata(next).ManagedFields, kind.Metadata(next).Uid = entries, "1"
	w.object = next.(*appsv1.Deployment)
}

// TestHandOver is an object that was applied on the client until now: what it declared then and now does not, goes.
func TestHandOver(t *testing.T) {
	w := newWorld(t)
	w.updated("client", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"a":"1","b":"1"}}}`)
	w.updated("other", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"a":"1","b":"1","c":"1"}}}`)
	if err := w.try("server", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"a":"2"}}}`, false); err == nil {
		t.Fatal("no conflict with what was applied on the client")
	}
	entries, err := managed.HandOver(w.object.GetMetadata().GetManagedFields(), []string{"client", "older"}, "server")
	if err != nil {
		t.Fatal(err)
	}
	next := proto.CloneOf(w.object)
	kind.Metadata(next).ManagedFields = entries
	kept, err := w.schema.Update(w.object, next, "server", "", now)
	if err != nil {
		t.Fatal(err)
	}
	kind.Metadata(w.object).ManagedFields = kept
	if err := w.try("server", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"a":"2"}}}`, false); err != nil {
		t.Fatal(err)
	}
	labels := w.object.GetMetadata().GetLabels()
	if len(labels) != 2 || labels["a"] != "2" || labels["c"] != "1" {
		t.Errorf("labels are %v: b was declared by the client alone and should be gone, c is another's", labels)
	}
	if again, err := managed.HandOver(w.object.GetMetadata().GetManagedFields(), []string{"client"}, "server"); again != nil || err != nil {
		t.Errorf("there is something to hand over again: %v %v", again, err)
	}
}

// TestWritersMayHandFieldsOn is that the record which an update brings counts.
func TestWritersMayHandFieldsOn(t *testing.T) {
	w := newWorld(t)
	w.updated("client", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"a":"1"}}}`)
	copied := proto.CloneOf(w.object)
	entries, err := managed.HandOver(w.object.GetMetadata().GetManagedFields(), []string{"client"}, "server")
	if err != nil {
		t.Fatal(err)
	}
	kind.Metadata(copied).ManagedFields = entries
	out, err := w.schema.Update(w.object, copied, "someone", "", now)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 || out[0].GetManager() != "server" || out[0].GetOperation() != "Apply" {
		t.Errorf("got %v", out)
	}
}
