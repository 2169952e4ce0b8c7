package conformance

import (
	"fmt"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
)

const (
	byMerge     = metav1.PatchType_PATCH_TYPE_MERGE
	byJSON      = metav1.PatchType_PATCH_TYPE_JSON
	byStrategic = metav1.PatchType_PATCH_TYPE_STRATEGIC
)

func testPatch(t *testing.T, s *suite) {
	s.createMap(t, "a", map[string]string{"x": "1", "y": "2"})
	patched := must(s.maps.Patch(s.ctx, s.namespace, "a", byMerge, `{"metadata":{"labels":{"x":null,"z":"3"}},"data":{"more":"m"}}`, ""))(t)
	if got := fmt.Sprint(patched.GetMetadata().GetLabels()); got != "map[y:2 z:3]" {
		t.Errorf("labels %v", got)
	}
	if patched.GetData()["key"] != "value" || patched.GetData()["more"] != "m" {
		t.Errorf("data %v", patched.GetData())
	}
	if _, err := s.maps.Patch(s.ctx, s.namespace, "a", byMerge, `{"metadata":{"resourceVersion":"1"}}`, ""); !apierror.IsConflict(err) {
		t.Errorf("a patch of an old version: %v", err)
	}
	same := must(s.maps.Patch(s.ctx, s.namespace, "a", byMerge, `{"data":{"more":"m"}}`, ""))(t)
	if same.GetMetadata().GetResourceVersion() != patched.GetMetadata().GetResourceVersion() {
		t.Error("a patch that changes nothing made a new version")
	}
	pod := s.createPod(t, "a")
	status := must(s.pods.Patch(s.ctx, s.namespace, "a", byMerge, `{"status":{"phase":"Running"},"metadata":{"labels":{"a":"b"}}}`, "status"))(t)
	if status.GetStatus().GetPhase() != "Running" || status.GetMetadata().GetUid() != pod.GetMetadata().GetUid() || len(status.GetMetadata().GetLabels()) > 0 {
		t.Errorf("a status patch made %v", status)
	}
}

func testJSONPatch(t *testing.T, s *suite) {
	s.createMap(t, "a", map[string]string{"x": "1"})
	patched := must(s.maps.Patch(s.ctx, s.namespace, "a", byJSON,
		`[{"op":"test","path":"/data/key","value":"value"},{"op":"replace","path":"/data/key","value":"new"},{"op":"add","path":"/data/more","value":"m"},{"op":"remove","path":"/metadata/labels/x"}]`, ""))(t)
	if fmt.Sprint(patched.GetData()) != "map[key:new more:m]" || len(patched.GetMetadata().GetLabels()) != 0 {
		t.Errorf("patched to %v", patched)
	}
	if _, err := s.maps.Patch(s.ctx, s.namespace, "a", byJSON, `[{"op":"test","path":"/data/key","value":"value"}]`, ""); !apierror.IsInvalid(err) {
		t.Errorf("a test that does not hold: %v", err)
	}
	if _, err := s.maps.Patch(s.ctx, s.namespace, "a", byJSON, `[{"op":"remove","path":"/data/absent"}]`, ""); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a path that is not there: %v", err)
	}
}

// Lists are merged by their keys, and directives take elements out.
func testStrategicPatch(t *testing.T, s *suite) {
	must(s.pods.Create(s.ctx, &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: s.namespace, Name: "a"},
		Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "main", Image: "registry.example/main:1"}, {Name: "side", Image: "registry.example/side:1"}}},
	}))(t)
	patched := must(s.pods.Patch(s.ctx, s.namespace, "a", byStrategic, `{"spec":{"containers":[{"name":"side","image":"registry.example/side:2"}]}}`, ""))(t)
	if c := patched.GetSpec().GetContainers(); len(c) != 2 || c[0].GetImage() != "registry.example/main:1" || c[1].GetImage() != "registry.example/side:2" {
		t.Errorf("containers %v", c)
	}
	must(s.pods.Patch(s.ctx, s.namespace, "a", byStrategic, `{"metadata":{"labels":{"a":"b"},"finalizers":["kaji.dev/one"]}}`, ""))(t)
	patched = must(s.pods.Patch(s.ctx, s.namespace, "a", byStrategic, `{"metadata":{"labels":{"$patch":"replace","c":"d"},"finalizers":["kaji.dev/two"]}}`, ""))(t)
	if m := patched.GetMetadata(); fmt.Sprint(m.GetLabels()) != "map[c:d]" || len(m.GetFinalizers()) != 2 {
		t.Errorf("metadata %v", m)
	}
	patched = must(s.pods.Patch(s.ctx, s.namespace, "a", byStrategic, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["kaji.dev/one","kaji.dev/two"]}}`, ""))(t)
	if f := patched.GetMetadata().GetFinalizers(); len(f) != 0 {
		t.Errorf("finalizers %v", f)
	}
}

func testPatchInvalid(t *testing.T, s *suite) {
	before := s.createMap(t, "a", nil)
	for what, request := range map[string]*metav1.PatchRequest{
		"no JSON":                 {Type: byMerge, Patch: []byte(`{"data":`)},
		"a list where a map goes": {Type: byMerge, Patch: []byte(`[]`)},
		"no JSON patch":           {Type: byJSON, Patch: []byte(`{"op":"remove"}`)},
		"another name":            {Type: byMerge, Patch: []byte(`{"metadata":{"name":"b"}}`)},
		"another type of value":   {Type: byMerge, Patch: []byte(`{"data":{"key":7}}`)},
		"a status there is none":  {Type: byMerge, Patch: []byte(`{"data":{"x":"y"}}`), Subresource: "status"},
		"a dry run of some":       {Type: byMerge, Patch: []byte(`{"data":{"x":"y"}}`), Options: &metav1.PatchOptions{DryRun: []string{"Some"}}},
	} {
		request.Namespace, request.Name = s.namespace, "a"
		if _, err := s.maps.PatchWith(s.ctx, request); apierror.ReasonOf(err) != apierror.ReasonBadRequest && !apierror.IsInvalid(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := s.maps.Patch(s.ctx, s.namespace, "absent", byMerge, `{}`, ""); !apierror.IsNotFound(err) {
		t.Errorf("an absent one: %v", err)
	}
	if after := must(s.maps.Get(s.ctx, s.namespace, "a"))(t); after.GetMetadata().GetResourceVersion() != before.GetMetadata().GetResourceVersion() {
		t.Errorf("a refused patch changed the object to %v", after)
	}
}
