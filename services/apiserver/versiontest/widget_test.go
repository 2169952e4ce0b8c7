package versiontest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"pgregory.net/rapid"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	testv1 "kaji.dev/kaji/gen/kaji/test/v1"
	testv2 "kaji.dev/kaji/gen/kaji/test/v2"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/apiserver/frame"
)

// rig is an API server that knows Widgets, and clients of both versions.
type rig struct {
	*apitest.Server
	v1      *client.Resource[*testv1.Widget]
	v2      *client.Resource[*testv2.Widget]
	generic apiv1.ResourceServiceClient
}

func start(t *testing.T, store raftstore.Store) *rig {
	t.Helper()
	s := apitest.Start(t, func(cfg *apiserver.Config) {
		cfg.Conversions = Conversions()
		if store != nil {
			cfg.Store = store
		}
	})
	c := s.Client()
	return &rig{s, client.Of[*testv1.Widget](c), client.Of[*testv2.Widget](c), apiv1.NewResourceServiceClient(c.Conn())}
}

func check[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func old(name string) *testv1.Widget {
	return &testv1.Widget{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:     &testv1.WidgetSpec{Size: 12, Color: "red", Materials: []string{"oak", "steel"}},
	}
}

func modern(name string) *testv2.Widget {
	return &testv2.Widget{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: &testv2.WidgetSpec{
			Dimensions: &testv2.Dimensions{Width: 123, Height: 40}, Paint: &testv2.Paint{Color: "blue", Finish: "matt"},
			Materials: []*testv2.Material{{Name: "oak", Percent: 70}, {Name: "steel", Percent: 30}},
		},
	}
}

// What one version writes, every way of reading shows in each version.
func TestObjectsAreServedInEveryVersion(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	watch1 := check(r.v1.Watch(ctx, "default", nil))(t)
	watch2 := check(r.v2.Watch(ctx, "default", nil))(t)
	made := check(r.v1.Create(ctx, old("a")))(t)
	if made.GetSpec().GetSize() != 12 || made.GetMetadata().GetResourceVersion() == "" {
		t.Fatalf("create answered %v", made)
	}
	got := check(r.v2.Get(ctx, "default", "a"))(t)
	if got.GetSpec().GetDimensions().GetWidth() != 120 || got.GetSpec().GetPaint().GetColor() != "red" || len(got.GetSpec().GetMaterials()) != 2 {
		t.Errorf("in v2 it is %v", got.GetSpec())
	}
	if got.GetMetadata().GetUid() != made.GetMetadata().GetUid() || got.GetMetadata().GetResourceVersion() != made.GetMetadata().GetResourceVersion() {
		t.Errorf("metadata differs: %v, %v", got.GetMetadata(), made.GetMetadata())
	}
	if e := check(watch1.Recv())(t); !proto.Equal(e.Object, made) {
		t.Errorf("the watch of v1 shows %v", e.Object)
	}
	if e := check(watch2.Recv())(t); !proto.Equal(e.Object, got) {
		t.Errorf("the watch of v2 shows %v", e.Object)
	}
	check(r.v2.Create(ctx, modern("b")))(t)
	ones, _, err := r.v1.List(ctx, "default", nil)
	if err != nil || len(ones) != 2 || ones[1].GetSpec().GetSize() != 12 || ones[1].GetSpec().GetColor() != "blue" {
		t.Errorf("in v1 the list is %v, %v", ones, err)
	}
	twos, _, err := r.v2.List(ctx, "default", &metav1.ListOptions{FieldSelector: "metadata.name=b"})
	if err != nil || len(twos) != 1 || !proto.Equal(twos[0].GetSpec(), modern("b").GetSpec()) {
		t.Errorf("in v2 the list is %v, %v", twos, err)
	}
	for message, want := range map[string]proto.Message{"kaji.test.v1.Widget": made, "kaji.test.v2.Widget": got} {
		packed := check(r.generic.Get(ctx, &apiv1.ResourceServiceGetRequest{Type: message, Request: &metav1.GetRequest{Namespace: "default", Name: "a"}}))(t)
		if o := check(packed.UnmarshalNew())(t); !proto.Equal(o, want) {
			t.Errorf("ResourceService shows %v", o)
		}
	}
	if err := r.v1.Delete(ctx, "default", "b", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.v2.Get(ctx, "default", "b"); !apierror.IsNotFound(err) {
		t.Errorf("deleted in v1, in v2 it is: %v", err)
	}
	if err := r.v1.DeleteCollection(ctx, "default", nil, nil); err != nil {
		t.Fatal(err)
	}
	if left, _, err := r.v2.List(ctx, "default", nil); err != nil || len(left) != 0 {
		t.Errorf("after the collection was deleted in v1: %v, %v", left, err)
	}
}

// A writer of the old version does not destroy what it cannot see.
func TestOldWritersKeepWhatIsNew(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	check(r.v2.Create(ctx, modern("a")))(t)
	w := check(r.v1.Get(ctx, "default", "a"))(t)
	w.Spec.Color = "green"
	w = check(r.v1.Update(ctx, w))(t)
	if w.GetMetadata().GetGeneration() != 2 {
		t.Errorf("generation is %d", w.GetMetadata().GetGeneration())
	}
	want := modern("a").GetSpec()
	want.Paint.Color = "green"
	got := check(r.v2.Get(ctx, "default", "a"))(t)
	if !proto.Equal(got.GetSpec(), want) || len(got.GetMetadata().GetAnnotations()) > 0 {
		t.Errorf("after the update it is %v, annotations %v", got.GetSpec(), got.GetMetadata().GetAnnotations())
	}
	check(r.v1.Patch(ctx, "default", "a", metav1.PatchType_PATCH_TYPE_MERGE, []byte(`{"spec":{"size":50}}`), ""))(t)
	want.Dimensions.Width = 500 // it was 123, of which v1 saw 12
	if got = check(r.v2.Get(ctx, "default", "a"))(t); !proto.Equal(got.GetSpec(), want) {
		t.Errorf("after the patch it is %v", got.GetSpec())
	}
	patched := check(r.v2.Patch(ctx, "default", "a", metav1.PatchType_PATCH_TYPE_MERGE, []byte(`{"spec":{"paint":{"finish":"gloss"}}}`), ""))(t)
	if patched.GetSpec().GetPaint().GetFinish() != "gloss" {
		t.Errorf("a patch in v2 makes it %v", patched.GetSpec())
	}
	w = check(r.v1.Get(ctx, "default", "a"))(t)
	w.Status = &testv1.WidgetStatus{Phase: "Broken"}
	w = check(r.v1.UpdateStatus(ctx, w))(t)
	if got = check(r.v2.Get(ctx, "default", "a"))(t); got.GetStatus().Made == nil || got.GetStatus().GetMade() || w.GetStatus().GetPhase() != "Broken" {
		t.Errorf("the status is %v in v2, %v in v1", got.GetStatus(), w.GetStatus())
	}
	// What cannot be converted is the writer's mistake.
	w.Status.Phase = "Lost"
	if _, err := r.v1.UpdateStatus(ctx, w); !apierror.IsInvalid(err) {
		t.Errorf("a status that v2 does not have: %v", err)
	}
	w.Metadata.ResourceVersion = "1"
	w.Status.Phase = "Made"
	if _, err := r.v1.UpdateStatus(ctx, w); !apierror.IsConflict(err) {
		t.Errorf("an old resourceVersion: %v", err)
	}
}

// managers are who set which fields, by manager, with the version that each wrote in.
func managers(m *metav1.ObjectMeta) map[string]string {
	out := map[string]string{}
	for _, e := range m.GetManagedFields() {
		out[e.GetManager()] = e.GetApiVersion() + " " + string(e.GetFieldsV1().GetRaw())
	}
	return out
}

// Managers apply in different versions; each owns what it set, whichever version the other writes.
func TestManagersApplyAcrossVersions(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	apply1 := func(manager, spec string, force bool) (*testv1.Widget, error) {
		return r.v1.Apply(ctx, "default", "a", []byte(`{"apiVersion":"test.kaji.dev/v1","kind":"Widget","spec":`+spec+`}`), &metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	apply2 := func(manager, spec string, force bool) (*testv2.Widget, error) {
		return r.v2.Apply(ctx, "default", "a", []byte(`{"apiVersion":"test.kaji.dev/v2","kind":"Widget","spec":`+spec+`}`), &metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	check(apply1("elder", `{"size":12,"color":"red"}`, false))(t)
	check(apply2("younger", `{"dimensions":{"height":40},"paint":{"finish":"matt"}}`, false))(t)
	got := check(r.v2.Get(ctx, "default", "a"))(t)
	if s := got.GetSpec(); s.GetDimensions().GetWidth() != 120 || s.GetDimensions().GetHeight() != 40 || s.GetPaint().GetColor() != "red" || s.GetPaint().GetFinish() != "matt" {
		t.Errorf("both together make it %v", s)
	}
	m := managers(got.GetMetadata())
	if !strings.HasPrefix(m["elder"], "test.kaji.dev/v1 ") || !strings.Contains(m["elder"], "f:size") ||
		!strings.HasPrefix(m["younger"], "test.kaji.dev/v2 ") || !strings.Contains(m["younger"], "f:height") {
		t.Errorf("the managers are %v", m)
	}
	// The elder set the colour in v1; in v2 it is another field, and still the elder's.
	var conflict *apierror.Error
	_, err := apply2("younger", `{"dimensions":{"height":40},"paint":{"finish":"matt","color":"blue"}}`, false)
	if !apierror.IsConflict(err) {
		t.Fatalf("another's field in another version: %v", err)
	}
	conflict = err.(*apierror.Error)
	if len(conflict.Violations) == 0 || !strings.Contains(conflict.Violations[0].Description, "elder") {
		t.Errorf("the conflict says %v", conflict.Violations)
	}
	check(apply2("younger", `{"dimensions":{"height":40},"paint":{"finish":"matt","color":"blue"}}`, true))(t)
	if _, err := apply1("elder", `{"size":12,"color":"red"}`, false); !apierror.IsConflict(err) {
		t.Errorf("what was taken over in v2 and is declared in v1: %v", err)
	}
	// Giving up a field in v1 takes it out of v2.
	check(apply1("elder", `{"color":"blue"}`, false))(t)
	if got = check(r.v2.Get(ctx, "default", "a"))(t); got.GetSpec().GetDimensions().GetWidth() != 0 || got.GetSpec().GetDimensions().GetHeight() != 40 {
		t.Errorf("the elder gave up the size; it is %v", got.GetSpec())
	}
	// Applying the same again writes nothing.
	again := check(apply1("elder", `{"color":"blue"}`, false))(t)
	if again.GetMetadata().GetResourceVersion() != got.GetMetadata().GetResourceVersion() {
		t.Error("the same apply wrote again")
	}
	check(r.v1.CreateWith(ctx, old("b"), &metav1.CreateOptions{FieldManager: "maker"}))(t)
	b := check(r.v2.Get(ctx, "default", "b"))(t)
	if m := managers(b.GetMetadata()); !strings.HasPrefix(m["maker"], "test.kaji.dev/v1 ") {
		t.Errorf("created in v1, its managers are %v", m)
	}
}

func TestABatchTakesEveryVersion(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	create := func(o proto.Message) *apiv1.BatchOperation {
		return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Create{Create: &apiv1.ResourceServiceCreateRequest{Object: check(anypb.New(o))(t)}}}
	}
	resp := check(r.generic.Batch(ctx, &apiv1.ResourceServiceBatchRequest{Operations: []*apiv1.BatchOperation{create(old("a")), create(modern("b")), create(modern("a"))}}))(t)
	if resp.GetFailed() != 1 || resp.GetResults()[2].GetError() == nil {
		t.Fatal(resp)
	}
	if url := resp.GetResults()[0].GetObject().GetTypeUrl(); !strings.HasSuffix(url, "kaji.test.v1.Widget") {
		t.Errorf("what was created in v1 is answered as %s", url)
	}
}

// The store holds one version, and says which. What an older server left there is read as what it was, and written anew with
// the next write, even one that changes nothing.
func TestTheStoreHoldsOneVersion(t *testing.T) {
	store := raftstore.NewMemory()
	ctx := t.Context()
	v2 := kind.Of(&testv2.Widget{})
	before := old("ancient")
	before.Metadata.Uid, before.Metadata.Generation = "0-0", 1
	put := func(name string, value []byte) {
		check(store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(v2.Key("default", name)), Value: value}}}}}))(t)
	}
	stored := func(name string) (value []byte, version string) {
		resp := check(store.Range(ctx, &storev1.RangeRequest{Key: []byte(v2.Key("default", name))}))(t)
		value, _ = frame.CutMark(resp.GetKvs()[0].GetValue())
		return frame.CutVersion(value)
	}
	put("ancient", check(proto.Marshal(before))(t))
	// A newer server, whose version this one does not know.
	put("future", append(frame.AppendVersion(nil, "v9"), check(proto.Marshal(before))(t)...))
	r := start(t, store)
	got := check(r.v2.Get(ctx, "default", "ancient"))(t)
	if got.GetSpec().GetDimensions().GetWidth() != 120 || got.GetMetadata().GetUid() != "0-0" {
		t.Fatalf("what was stored as v1 is read as %v", got)
	}
	if _, version := stored("ancient"); version != "" {
		t.Fatal("reading it has written it")
	}
	check(r.v2.Update(ctx, got))(t)
	value, version := stored("ancient")
	now := &testv2.Widget{}
	if err := proto.Unmarshal(value, now); err != nil || version != "v2" || now.GetSpec().GetDimensions().GetWidth() != 120 {
		t.Errorf("after a write the store holds version %q: %v, %v", version, now, err)
	}
	again := check(r.v2.Get(ctx, "default", "ancient"))(t)
	if len(again.ProtoReflect().GetUnknown()) > 0 {
		t.Error("the store's own mark is told to clients")
	}
	if updated := check(r.v2.Update(ctx, again))(t); updated.GetMetadata().GetResourceVersion() != again.GetMetadata().GetResourceVersion() {
		t.Error("an update that changes nothing writes again")
	}
	if all, _, err := r.v1.List(ctx, "default", nil); err != nil || len(all) != 1 {
		t.Errorf("what this server does not understand is left alone, the rest is served: %v, %v", all, err)
	}
	check(r.v1.Create(ctx, old("fresh")))(t)
	if _, version := stored("fresh"); version != "v2" {
		t.Errorf("created in v1, it is stored as %q", version)
	}
}

// Manifests name their version, and words without one mean the version that is stored.
func TestManifestsOfEveryVersion(t *testing.T) {
	docs := check(manifest.Decode(strings.NewReader("apiVersion: test.kaji.dev/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 3}\n---\n"+
		"apiVersion: test.kaji.dev/v2\nkind: Widget\nmetadata: {name: a}\nspec: {dimensions: {width: 30}}\n"), "test", manifest.Options{Strict: true}))(t)
	if docs[0].Kind.Version != "v1" || docs[1].Kind.Version != "v2" {
		t.Errorf("the documents are %s and %s", docs[0].Kind.APIVersion(), docs[1].Kind.APIVersion())
	}
	for word, want := range map[string]string{"widgets": "v2", "widget.test.kaji.dev": "v2", "widgets.v1.test.kaji.dev": "v1", "widgets.v2.test.kaji.dev": "v2"} {
		if k := kind.Lookup(word); k == nil || k.Version != want {
			t.Errorf("%s is %v", word, k)
		}
	}
	all := 0
	for _, k := range kind.All() {
		if k.Name() == "Widget" {
			all++
		}
	}
	if all != 1 {
		t.Errorf("the catalogue has Widget %d times", all)
	}
	r := start(t, nil)
	var served []string
	for _, k := range check(r.generic.Discover(t.Context(), &apiv1.DiscoverRequest{}))(t).GetKinds() {
		if k.GetOptions().GetKind() == "Widget" {
			served = append(served, k.GetOptions().GetApiVersion())
		}
	}
	if !slices.Equal(served, []string{"test.kaji.dev/v1", "test.kaji.dev/v2"}) {
		t.Errorf("Discover shows %v", served)
	}
}

// There and back gives the same object, whatever it holds.
func TestConversionLosesNothing(t *testing.T) {
	conversions := Conversions()
	v1, v2 := kind.Of(&testv1.Widget{}), kind.Of(&testv2.Widget{})
	rapid.Check(t, func(t *rapid.T) {
		w := modern("a")
		w.Spec.Dimensions = &testv2.Dimensions{Width: rapid.Int32Range(0, 1000).Draw(t, "width"), Height: rapid.Int32Range(0, 99).Draw(t, "height")}
		if w.Spec.Dimensions.Width+w.Spec.Dimensions.Height == 0 {
			w.Spec.Dimensions = nil
		}
		w.Spec.Paint = &testv2.Paint{Color: rapid.SampledFrom([]string{"", "red"}).Draw(t, "color"), Finish: rapid.SampledFrom([]string{"", "matt"}).Draw(t, "finish")}
		if w.Spec.Paint.Color+w.Spec.Paint.Finish == "" {
			w.Spec.Paint = nil
		}
		for i := range w.Spec.Materials {
			w.Spec.Materials[i].Percent = rapid.Int32Range(0, 2).Draw(t, "percent")
		}
		if rapid.Bool().Draw(t, "annotated") {
			w.Metadata.Annotations = map[string]string{"mine": "1"}
		}
		before := proto.CloneOf(w)
		o, err := conversions.To(w, v1)
		if err != nil {
			t.Fatal(err)
		}
		back, err := conversions.To(o, v2)
		if err != nil || !proto.Equal(back, before) || !proto.Equal(w, before) {
			t.Fatalf("%v became %v, %v", before, back, err)
		}
	})
}

// Kinds of one version are as they were.
func TestOtherKindsHaveNoVersions(t *testing.T) {
	r := start(t, nil)
	maps := client.Of[*corev1.ConfigMap](r.Client())
	check(maps.Create(context.Background(), &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "m"}}))(t)
	resp := check(r.Store.Range(t.Context(), &storev1.RangeRequest{Key: []byte(kind.Of(&corev1.ConfigMap{}).Key("default", "m"))}))(t)
	value, _ := frame.CutMark(resp.GetKvs()[0].GetValue())
	if _, version := frame.CutVersion(value); version != "" {
		t.Errorf("a kind of one version is stored with %q", version)
	}
	var text map[string]any
	if err := json.Unmarshal(check(manifest.ToJSON(old("x")))(t), &text); err != nil || text["apiVersion"] != "test.kaji.dev/v1" {
		t.Error(text, err)
	}
}
