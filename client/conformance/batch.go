package conformance

import (
	"fmt"
	"strings"
	"testing"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
)

func testBatch(t *testing.T, s *suite) {
	there := s.createMap(t, "there", nil)
	going := s.createMap(t, "going", nil)
	k := kind.Of(there)
	b := client.NewBatch(s.options.Client)
	b.Create(s.newMap("new", nil), nil)
	b.Create(s.newMap("there", nil), nil) // fails, and keeps no other
	changed := proto.CloneOf(there)
	changed.Data["key"] = "changed"
	b.Update(changed, nil)
	b.Patch(k, &metav1.PatchRequest{Namespace: s.namespace, Name: "there", Type: metav1.PatchType_PATCH_TYPE_MERGE, Patch: []byte(`{"data":{"more":"yes"}}`)})
	b.Apply(k, &metav1.ApplyRequest{
		Namespace: s.namespace, Name: "declared", Patch: []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"declared"},"data":{"a":"b"}}`),
		Options: &metav1.ApplyOptions{FieldManager: "test"},
	})
	b.Delete(k, s.namespace, "going", nil)
	results, err := b.Run(s.ctx, client.BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if failed := r.Err != nil; failed != (i == 1) {
			t.Errorf("operation %d: %v", i, r.Err)
		}
	}
	if !apierror.IsAlreadyExists(results[1].Err) {
		t.Errorf("creating what is there: %v", results[1].Err)
	}
	stored := must(s.maps.Get(s.ctx, s.namespace, "there"))(t)
	if stored.Data["key"] != "changed" || stored.Data["more"] != "yes" {
		t.Errorf("operations on one object came out of order: %v", stored.Data)
	}
	if r := results[3]; !proto.Equal(r.Object, stored) || r.ResourceVersion != stored.Metadata.ResourceVersion || r.UID != there.Metadata.Uid {
		t.Errorf("the patch answers %+v, stored is %v", r, stored)
	}
	if r := results[5]; r.Object != nil || r.UID != going.Metadata.Uid || r.ResourceVersion != "" {
		t.Errorf("the delete answers %+v", r)
	}
	if _, err := s.maps.Get(s.ctx, s.namespace, "going"); !apierror.IsNotFound(err) {
		t.Errorf("what was deleted: %v", err)
	}
	if got := must(s.maps.Get(s.ctx, s.namespace, "declared"))(t); got.Data["a"] != "b" {
		t.Errorf("what was applied is %v", got)
	}
}

func testBatchUntilError(t *testing.T, s *suite) {
	b := client.NewBatch(s.options.Client)
	b.Create(s.newMap("a", nil), nil)
	b.Create(s.newMap("a", nil), nil)
	b.Create(s.newMap("b", nil), nil)
	results, err := b.Run(s.ctx, client.BatchOptions{Order: apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR, DryRun: []string{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil || r.Object == nil || r.ResourceVersion != "" {
			t.Errorf("a dry run of operation %d: %+v", i, r)
		}
	}
	results, err = b.Run(s.ctx, client.BatchOptions{Order: apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR, OmitObjects: true})
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; r.Err != nil || r.Object != nil || r.UID == "" {
		t.Errorf("with objects left out: %+v", r)
	}
	if !apierror.IsAlreadyExists(results[1].Err) || apierror.ReasonOf(results[2].Err) != apierror.ReasonCanceled {
		t.Errorf("%v, then %v", results[1].Err, results[2].Err)
	}
	if _, err := s.maps.Get(s.ctx, s.namespace, "b"); !apierror.IsNotFound(err) {
		t.Errorf("what stands behind the error: %v", err)
	}
}

// More than one call takes, by number and by size.
func testBatchOfMany(t *testing.T, s *suite) {
	b := client.NewBatch(s.options.Client)
	for i := range 1100 {
		b.Create(s.newMap(fmt.Sprintf("small-%d", i), nil), nil)
	}
	for i := range 4 {
		m := s.newMap(fmt.Sprintf("large-%d", i), nil)
		m.Data["key"] = strings.Repeat("x", 700<<10)
		b.Create(m, nil)
	}
	results, err := b.Run(s.ctx, client.BatchOptions{OmitObjects: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("operation %d of %d: %v", i, len(results), r.Err)
		}
	}
	if list, _ := must2(client.Of[*corev1.ConfigMap](s.options.Client).List(s.ctx, s.namespace, nil))(t); len(list) != b.Len() {
		t.Errorf("%d objects of %d", len(list), b.Len())
	}
}

func must2[A, B any](a A, b B, err error) func(*testing.T) (A, B) {
	return func(t *testing.T) (A, B) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a, b
	}
}
