package managed_test

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"
)

// FuzzApply lets two managers apply anything to a Deployment with any record. Who applies twice changes nothing, and what
// nobody else declares goes when its manager gives it up.
func FuzzApply(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"spec":{"replicas":1}}`, `{"spec":{"replicas":2}}`, `{"f:spec":{"f:replicas":{}}}`},
		{`{"spec":{"template":{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80}]}]}}}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"i"},{"name":"b"}]}}}}`,
			`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:name":{}}}}}}}`},
		{`{"metadata":{"labels":{"a":"b"},"finalizers":["x","y"]}}`, `{"metadata":{"labels":null,"finalizers":["y"]}}`, `{"f:metadata":{"f:finalizers":{"v:\"x\"":{}}}}`},
		{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"25%"}}}}`, `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`, `{"f:x":{"i:0":{},"e:{}":{}}}`},
		{`{}`, `{"spec":{"template":{"spec":{"tolerations":[{"key":"a"},{"key":"a"}]}}}}`, `[]`},
		{`{}`, `{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"name":"a"}]}}}}`, `{"f:spec"`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]))
	}
	schema := managed.NewSchema(kind.Lookup("deployments"))
	f.Fuzz(func(t *testing.T, one, two, fields []byte) {
		live := &appsv1.Deployment{Metadata: &metav1.ObjectMeta{Uid: "1", ManagedFields: []*metav1.ManagedFieldsEntry{{
			Manager: "old", Operation: "Update", ApiVersion: "apps/v1", FieldsType: "FieldsV1", Time: now, FieldsV1: &metav1.FieldsV1{Raw: fields},
		}}}}
		apply := func(o kind.Object, who string, config []byte) kind.Object {
			if _, err := manifest.FromJSON(kind.Lookup("deployments"), config, true); err != nil || !json.Valid(config) {
				return nil // the server reads it first
			}
			before := proto.Clone(o)
			out, entries, err := schema.Apply(o, config, who, true, now)
			if !proto.Equal(before, o) {
				t.Fatal("the live object was changed")
			}
			if err != nil {
				return nil
			}
			kind.Metadata(out).ManagedFields = entries
			return out
		}
		first := apply(live, "one", one)
		if first == nil {
			return
		}
		if again := apply(first, "one", one); again == nil || !proto.Equal(again, first) {
			t.Fatalf("once  %v\ntwice %v", first, again)
		}
		second := apply(first, "two", two)
		if second == nil {
			return
		}
		if again := apply(second, "two", two); again == nil || !proto.Equal(again, second) {
			t.Fatalf("once  %v\ntwice %v", second, again)
		}
		for _, e := range second.GetMetadata().GetManagedFields() {
			if !json.Valid(e.GetFieldsV1().GetRaw()) && e.GetManager() != "old" {
				t.Fatalf("recorded %s", e.GetFieldsV1().GetRaw())
			}
		}
	})
}
