package managed_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"
)

var now = &timestamppb.Timestamp{Seconds: 1_700_000_000}

// world is one Deployment that many apply to.
type world struct {
	t      *testing.T
	schema *managed.Schema
	object *appsv1.Deployment
}

func newWorld(t *testing.T) *world {
	return &world{t: t, schema: managed.NewSchema(kind.Lookup("deployments")), object: &appsv1.Deployment{}}
}

func (w *world) try(manager, config string, force bool) error {
	w.t.Helper()
	o, entries, err := w.schema.Apply(w.object, []byte(config), manager, force, now)
	if err != nil {
		return err
	}
	kind.Metadata(o).ManagedFields, kind.Metadata(o).Uid = entries, "1"
	w.object = o.(*appsv1.Deployment)
	return nil
}

func (w *world) apply(manager, config string) {
	w.t.Helper()
	if err := w.try(manager, config, false); err != nil {
		w.t.Fatalf("%s applies %s: %v", manager, config, err)
	}
}

func (w *world) update(manager string, change func(*appsv1.Deployment)) {
	w.t.Helper()
	next := proto.CloneOf(w.object)
	change(next)
	entries, err := w.schema.Update(w.object, next, manager, "", now)
	if err != nil {
		w.t.Fatal(err)
	}
	next.Metadata.ManagedFields = entries
	w.object = next
}

// fields is what a manager owns, as text.
func (w *world) fields(manager string) string {
	for _, e := range w.object.GetMetadata().GetManagedFields() {
		if e.GetManager() == manager {
			return string(e.GetFieldsV1().GetRaw())
		}
	}
	return ""
}

func TestFieldsGoWithTheirLastOwner(t *testing.T) {
	w := newWorld(t)
	w.apply("a", `{"metadata":{"name":"web","labels":{"x":"1","y":"1"}},"spec":{"replicas":3}}`)
	if got, want := w.fields("a"), `{"f:metadata":{"f:labels":{"f:x":{},"f:y":{}}},"f:spec":{"f:replicas":{}}}`; got != want {
		t.Errorf("a owns %s, want %s", got, want)
	}
	w.apply("b", `{"metadata":{"name":"web","labels":{"x":"1"}}}`) // the same value is shared
	w.apply("a", `{"metadata":{"name":"web"},"spec":{"replicas":3}}`)
	if got := w.object.GetMetadata().GetLabels(); len(got) != 1 || got["x"] != "1" {
		t.Errorf("what a gave up left %v", got)
	}
	w.apply("b", `{"metadata":{"name":"web"}}`)
	if got := w.object.GetMetadata().GetLabels(); len(got) != 0 {
		t.Errorf("nobody owns %v", got)
	}
	if got := w.fields("b"); got != "" {
		t.Errorf("b owns nothing and is recorded with %s", got)
	}
	if w.object.GetSpec().GetReplicas() != 3 {
		t.Errorf("replicas are %d", w.object.GetSpec().GetReplicas())
	}
}

func TestConflicts(t *testing.T) {
	const image1, image2 = `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"one"}]}}}}`, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"two"}]}}}}`
	w := newWorld(t)
	w.apply("a", image1)
	err := w.try("b", image2, false)
	var conflicts managed.Conflicts
	if !errors.As(err, &conflicts) || len(conflicts) != 1 || conflicts[0].Manager.Name != "a" ||
		conflicts[0].Path != `spec.template.spec.containers[name="c"].image` {
		t.Fatalf("another value: %v", err)
	}
	if err := w.try("b", image2, true); err != nil {
		t.Fatal(err)
	}
	if got := w.object.GetSpec().GetTemplate().GetSpec().GetContainers()[0].GetImage(); got != "two" {
		t.Errorf("the image is %s", got)
	}
	if strings.Contains(w.fields("a"), "f:image") || !strings.Contains(w.fields("b"), "f:image") {
		t.Errorf("after force a owns %s, b owns %s", w.fields("a"), w.fields("b"))
	}
	// Whoever updates takes what it changes, and then stands in the way.
	w.update("hand", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "three" })
	if err := w.try("b", image2, false); !errors.As(err, &conflicts) || conflicts[0].Manager.Name != "hand" {
		t.Errorf("over an update: %v", err)
	}
}

func TestListsAreMergedByTheirKeys(t *testing.T) {
	w := newWorld(t)
	w.apply("a", `{"spec":{"template":{"spec":{"containers":[{"name":"one","image":"i","ports":[{"containerPort":80}]}]}}}}`)
	w.object.Spec.Template.Spec.Containers[0].Ports[0].Protocol = "TCP" // as the defaults have it
	w.apply("b", `{"spec":{"template":{"spec":{"containers":[
		{"name":"two","image":"i","command":["a","b"]},
		{"name":"one","ports":[{"containerPort":80,"protocol":"UDP"},{"containerPort":80,"name":"http","protocol":"TCP"}]}]}}}}`)
	containers := w.object.GetSpec().GetTemplate().GetSpec().GetContainers()
	if len(containers) != 2 {
		t.Fatalf("containers: %v", containers)
	}
	for _, c := range containers {
		switch c.GetName() {
		case "one":
			if len(c.GetPorts()) != 2 || c.GetImage() != "i" {
				t.Errorf("container one: %v", c)
			}
		case "two":
			if !slices.Equal(c.GetCommand(), []string{"a", "b"}) {
				t.Errorf("container two: %v", c)
			}
		}
	}
	// An atomic list has one owner.
	if err := w.try("a", `{"spec":{"template":{"spec":{"containers":[{"name":"two","command":["a"]}]}}}}`, false); err == nil {
		t.Error("an element of an atomic list was changed under its owner")
	}
}

func TestApplyingTheSameAgainChangesNothing(t *testing.T) {
	const config = `{"metadata":{"name":"web","labels":{"x":"1"}},"spec":{"replicas":3,"paused":false,
		"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":0}},
		"template":{"spec":{"hostNetwork":false,"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"500m"}}}]}}}}`
	w := newWorld(t)
	w.apply("a", config)
	before := proto.CloneOf(w.object)
	now = &timestamppb.Timestamp{Seconds: now.GetSeconds() + 60}
	w.apply("a", config)
	if !proto.Equal(before, w.object) {
		t.Errorf("it was\n%v and is\n%v", before, w.object)
	}
	w.update("hand", func(*appsv1.Deployment) {})
	if !proto.Equal(before, w.object) {
		t.Errorf("an update that changes nothing made\n%v of\n%v", w.object, before)
	}
}

func TestAnObjectWithoutRecordIsProtected(t *testing.T) {
	w := newWorld(t)
	replicas := int32(5)
	w.object = &appsv1.Deployment{Metadata: &metav1.ObjectMeta{Name: "web", Uid: "1"}, Spec: &appsv1.DeploymentSpec{Replicas: &replicas}}
	err := w.try("a", `{"spec":{"replicas":1}}`, false)
	var conflicts managed.Conflicts
	if !errors.As(err, &conflicts) || conflicts[0].Manager.Name != managed.BeforeFirstApply {
		t.Errorf("another value: %v", err)
	}
	w.apply("a", `{"spec":{"replicas":5}}`)
}

func TestWhatCannotBeReadIsNobodys(t *testing.T) {
	w := newWorld(t)
	w.object.Metadata = &metav1.ObjectMeta{Name: "web", Uid: "1", ManagedFields: []*metav1.ManagedFieldsEntry{
		{Manager: "x", Operation: "Apply", ApiVersion: "apps/v1", FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:`)}},
		{Manager: "y", Operation: "Apply", ApiVersion: "apps/v0", FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{}}`)}},
		{},
	}}
	w.apply("a", `{"spec":{"replicas":1}}`)
	for _, e := range w.object.GetMetadata().GetManagedFields() {
		if e.GetManager() == "x" || e.GetManager() == "y" {
			t.Errorf("kept: %v", e)
		}
	}
}

// Every kind has a schema that takes its own objects.
func TestEveryKindHasASchema(t *testing.T) {
	for _, k := range kind.All() {
		s := managed.NewSchema(k)
		o := k.New()
		kind.Metadata(o).Name = "a"
		kind.Metadata(o).Labels = map[string]string{"x": "1"}
		b, err := manifest.ToJSON(o)
		if err != nil {
			t.Fatal(err)
		}
		made, entries, err := s.Apply(k.New(), b, "a", false, now)
		if err != nil || made.GetMetadata().GetLabels()["x"] != "1" || len(entries) != 1 {
			t.Errorf("%s: %v, %v, %v", k, made, entries, err)
		}
	}
}

// Through JSON the fields of a record come into another order, which is no change.
func TestOrderOfTheRecord(t *testing.T) {
	w := newWorld(t)
	w.apply("a", `{"spec":{"template":{"spec":{"containers":[{"name":"c","ports":[{"containerPort":10250,"protocol":"TCP"},{"containerPort":6080,"protocol":"TCP"}]}]}}}}`)
	before := w.fields("a")
	w.update("b", func(d *appsv1.Deployment) {
		record := d.Metadata.ManagedFields[0].FieldsV1
		var tree any
		if err := json.Unmarshal(record.Raw, &tree); err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if string(raw) == before {
			t.Fatal("the order is the same")
		}
		record.Raw = raw
	})
	if got := w.fields("a"); got != before {
		t.Errorf("got  %s\nwant %s", got, before)
	}
}
