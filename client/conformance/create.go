package conformance

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func testCreateInvalid(t *testing.T, s *suite) {
	nameless := s.newMap("", nil)
	homeless := s.newMap("a", nil)
	homeless.Metadata.Namespace = ""
	for what, c := range map[string]struct {
		object *corev1.ConfigMap
		field  string
	}{
		"no name":             {nameless, "metadata.name"},
		"a name that is none": {s.newMap("Not_A_Name", nil), "metadata.name"},
		"no namespace":        {homeless, "metadata.namespace"},
	} {
		_, err := s.maps.Create(s.ctx, c.object)
		var e *apierror.Error
		if !errors.As(err, &e) || !apierror.IsInvalid(err) {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if len(e.Violations) == 0 || e.Violations[0].Field != c.field || e.Violations[0].Description == "" {
			t.Errorf("%s: violations %v", what, e.Violations)
		}
	}
	for what, options := range map[string]*metav1.CreateOptions{
		"a dry run of some": {DryRun: []string{"Some"}},
		"a long manager":    {FieldManager: strings.Repeat("m", 129)},
	} {
		if _, err := s.maps.CreateWith(s.ctx, s.newMap("a", nil), options); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.namespaces.Create(s.ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Namespace: s.namespace, Name: "conformance-inner"}}); err == nil {
		t.Error("a namespace in a namespace was taken")
	}
}

func testDryRun(t *testing.T, s *suite) {
	all := []string{"All"}
	dry := must(s.maps.CreateWith(s.ctx, s.newMap("dry", nil), &metav1.CreateOptions{DryRun: all}))(t)
	if dry.GetMetadata().GetName() != "dry" || dry.GetMetadata().GetUid() == "" {
		t.Errorf("a dry run answered %v", dry)
	}
	if _, err := s.maps.Get(s.ctx, s.namespace, "dry"); !apierror.IsNotFound(err) {
		t.Errorf("a dry run stored the object: %v", err)
	}
	created := s.createMap(t, "a", nil)
	if _, err := s.maps.CreateWith(s.ctx, s.newMap("a", nil), &metav1.CreateOptions{DryRun: all}); !apierror.IsAlreadyExists(err) {
		t.Errorf("a dry run over what is there: %v", err)
	}
	change := proto.CloneOf(created)
	change.Data["key"] = "changed"
	if got := must(s.maps.UpdateWith(s.ctx, change, &metav1.UpdateOptions{DryRun: all}))(t); got.GetData()["key"] != "changed" {
		t.Errorf("a dry update answered %v", got)
	}
	patch := &metav1.PatchRequest{Namespace: s.namespace, Name: "a", Patch: []byte(`{"data":{"key":"patched"}}`), Options: &metav1.PatchOptions{DryRun: all}}
	if got := must(s.maps.PatchWith(s.ctx, patch))(t); got.GetData()["key"] != "patched" {
		t.Errorf("a dry patch answered %v", got)
	}
	if err := s.maps.Delete(s.ctx, s.namespace, "a", &metav1.DeleteOptions{DryRun: all}); err != nil {
		t.Error(err)
	}
	if got := must(s.maps.Get(s.ctx, s.namespace, "a"))(t); !proto.Equal(got, created) {
		t.Errorf("after dry runs there is %v, was %v", got, created)
	}
}

// What comes out is the caller's to change, and what goes in stays the caller's.
func testImmutability(t *testing.T, s *suite) {
	given := s.newMap("a", map[string]string{"x": "1"})
	before := proto.CloneOf(given)
	created := must(s.maps.Create(s.ctx, given))(t)
	if !proto.Equal(given, before) {
		t.Errorf("create changed what it was given to %v", given)
	}
	spoil := func(m *corev1.ConfigMap) {
		m.Metadata.Labels["x"], m.Data["key"], m.Metadata.Name = "spoilt", "spoilt", "spoilt"
	}
	want := proto.CloneOf(created)
	spoil(created)
	spoil(must(s.maps.Get(s.ctx, s.namespace, "a"))(t))
	items, _, err := s.maps.List(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "x=1"})
	if err != nil || len(items) != 1 {
		t.Fatalf("%v, %v", items, err)
	}
	spoil(items[0])
	for range 2 {
		w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "x=1"}))(t)
		spoil(expect(t, w, added, "a", "value"))
		w.Stop()
	}
	if got := must(s.maps.Get(s.ctx, s.namespace, "a"))(t); !proto.Equal(got, want) {
		t.Errorf("the server has %v, want %v", got, want)
	}
}

// A client that is newer than the server may set fields that the server has never heard of.
func testUnknownFields(t *testing.T, s *suite) {
	const number = 4000
	unknown := protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), "from the future")
	m := s.newMap("a", nil)
	m.ProtoReflect().SetUnknown(unknown)
	must(s.maps.Create(s.ctx, m))(t)
	got := must(s.maps.Get(s.ctx, s.namespace, "a"))(t)
	if string(got.ProtoReflect().GetUnknown()) != string(unknown) {
		t.Errorf("unknown fields %q, want %q", got.ProtoReflect().GetUnknown(), unknown)
	}
	got.Data["key"] = "changed"
	if got = must(s.maps.Update(s.ctx, got))(t); string(got.ProtoReflect().GetUnknown()) != string(unknown) {
		t.Errorf("after an update: %q", got.ProtoReflect().GetUnknown())
	}
}

// Of many who write over one version, one wins.
func testCompareAndSwap(t *testing.T, s *suite) {
	created := s.createMap(t, "a", nil)
	var won atomic.Int32
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			change := proto.CloneOf(created)
			change.Data["key"] = string(rune('a' + won.Load()))
			change.Metadata.Labels = map[string]string{"writer": "one"}
			switch _, err := s.maps.Update(s.ctx, change); {
			case err == nil:
				won.Add(1)
			case !apierror.IsConflict(err):
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers of one version won", won.Load())
	}
}

func testNamespaces(t *testing.T, s *suite) {
	other := s.newNamespace(t)
	mine := s.createMap(t, "a", map[string]string{"both": s.namespace})
	theirs := s.newMap("a", map[string]string{"both": s.namespace})
	theirs.Metadata.Namespace = other
	theirs = must(s.maps.Create(s.ctx, theirs))(t)
	if theirs.GetMetadata().GetUid() == mine.GetMetadata().GetUid() {
		t.Error("one name in two namespaces is one object")
	}
	if got := must(s.maps.Get(s.ctx, other, "a"))(t); got.GetMetadata().GetUid() != theirs.GetMetadata().GetUid() {
		t.Errorf("read %v", got)
	}
	if _, err := s.maps.Get(s.ctx, "conformance-absent", "a"); !apierror.IsNotFound(err) {
		t.Errorf("in a namespace that is not there: %v", err)
	}
	for namespace, want := range map[string]int{"": 2, s.namespace: 1, other: 1, "conformance-absent": 0} {
		items, _, err := s.maps.List(s.ctx, namespace, &metav1.ListOptions{LabelSelector: "both=" + s.namespace})
		if err != nil || len(items) != want {
			t.Errorf("namespace %q holds %d, %v; want %d", namespace, len(items), err, want)
		}
	}
	if _, err := s.maps.Get(s.ctx, "", "a"); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("an object of no namespace: %v", err)
	}
	if _, err := s.namespaces.Get(s.ctx, s.namespace, other); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a cluster-wide object in a namespace: %v", err)
	}
	// Nothing new comes into a namespace that ends.
	if err := s.namespaces.Delete(s.ctx, "", other, nil); err != nil {
		t.Fatal(err)
	}
	late := s.newMap("late", nil)
	late.Metadata.Namespace = other
	if _, err := s.maps.Create(s.ctx, late); !apierror.IsForbidden(err) && !apierror.IsNotFound(err) {
		t.Errorf("a new object in a namespace that ends: %v", err)
	}
}
