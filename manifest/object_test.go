package manifest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func TestJSONForms(t *testing.T) {
	meta := &metav1.ObjectMeta{Name: "x"}
	pod := func(spec *corev1.PodSpec) *corev1.Pod { return &corev1.Pod{Metadata: meta, Spec: spec} }
	volume := func(s *corev1.VolumeSource) *corev1.Pod {
		return pod(&corev1.PodSpec{Volumes: []*corev1.Volume{{Name: "v", VolumeSource: s}}})
	}
	for name, c := range map[string]struct {
		object kind.Object
		json   string
	}{
		"empty message kept": {volume(&corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}),
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}`},
		"inline within inline's field": {volume(&corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: &corev1.LocalObjectReference{Name: "cm"}, Optional: proto.Bool(false)}}),
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"volumes":[{"name":"v","configMap":{"name":"cm","optional":false}}]}}`},
		"optional zero kept": {&appsv1.Deployment{Metadata: meta, Spec: &appsv1.DeploymentSpec{Replicas: proto.Int32(0)}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"replicas":0}}`},
		"int or string": {&appsv1.Deployment{Metadata: meta, Spec: &appsv1.DeploymentSpec{Strategy: &appsv1.DeploymentStrategy{
			RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &metav1.IntOrString{Type: 1, StrVal: "25%"}, MaxUnavailable: &metav1.IntOrString{}}}}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":0,"maxSurge":"25%"}}}}`},
		"int64 as number": {&corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "x", Generation: 1 << 60}},
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","generation":1152921504606846976}}`},
		"time in whole seconds": {&corev1.Pod{Metadata: &metav1.ObjectMeta{CreationTimestamp: &timestamppb.Timestamp{Seconds: 1136214245}}},
			`{"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2006-01-02T15:04:05Z"}}`},
		"micro time": {&coordinationv1.Lease{Spec: &coordinationv1.LeaseSpec{RenewTime: &timestamppb.Timestamp{Seconds: 1136214245, Nanos: 70000}}},
			`{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":{"renewTime":"2006-01-02T15:04:05.000070Z"}}`},
		"bytes and sorted keys": {&corev1.Secret{Data: map[string][]byte{"b": []byte("\xff\x00"), "a": nil}, Type: "Opaque"},
			`{"apiVersion":"v1","kind":"Secret","data":{"a":"","b":"/wA="},"type":"Opaque"}`},
		"raw fields": {&corev1.ConfigMap{Metadata: &metav1.ObjectMeta{ManagedFields: []*metav1.ManagedFieldsEntry{
			{Manager: "kaji", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:data":{".":{},"f:a":{}}}`)}}}}},
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"managedFields":[{"manager":"kaji","fieldsV1":{"f:data":{".":{},"f:a":{}}}}]}}`},
		"quantities": {pod(&corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Resources: &corev1.ResourceRequirements{
			Limits: map[string]*metav1.Quantity{"cpu": {String_: "500m"}, "memory": {String_: "1Gi"}}}}}}),
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"500m","memory":"1Gi"}}}]}}`},
		"inline handler": {pod(&corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", LivenessProbe: &corev1.Probe{
			Handler:       &corev1.ProbeHandler{HttpGet: &corev1.HTTPGetAction{Path: "/<&", Port: &metav1.IntOrString{IntVal: 80}}},
			PeriodSeconds: 3}}}}),
			`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","livenessProbe":{"httpGet":{"path":"/\u003c\u0026","port":80},"periodSeconds":3}}]}}`},
		"zero that Kubernetes always writes": {&corev1.Pod{Status: &corev1.PodStatus{ContainerStatuses: []*corev1.ContainerStatus{{Name: "c"}}}},
			`{"apiVersion":"v1","kind":"Pod","status":{"containerStatuses":[{"name":"c","ready":false,"restartCount":0,"image":"","imageID":""}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ToJSON(c.object)
			if err != nil || string(got) != c.json {
				t.Fatalf("ToJSON: %v\n got %s\nwant %s", err, got, c.json)
			}
			back, err := FromJSON(kind.Of(c.object), got, true)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(back, c.object) {
				t.Errorf("came back as %v, want %v", back, c.object)
			}
			y, err := ToYAML(c.object)
			if err != nil {
				t.Fatal(err)
			}
			docs, err := Decode(strings.NewReader(string(y)), "x.yaml", Options{Strict: true})
			if err != nil || len(docs) != 1 || !proto.Equal(docs[0].Object, c.object) {
				t.Errorf("through YAML: %v, %v\n%s", docs, err, y)
			}
		})
	}
}

func TestFromJSONIsAsLenientAsKubernetes(t *testing.T) {
	pods := kind.Lookup("pod")
	for name, c := range map[string]struct {
		json string
		want *corev1.Pod
	}{
		"null is unset":         {`{"metadata":{"creationTimestamp":null},"spec":null}`, &corev1.Pod{Metadata: &metav1.ObjectMeta{}}},
		"null in a list":        {`{"spec":{"containers":[null]}}`, &corev1.Pod{Spec: &corev1.PodSpec{Containers: []*corev1.Container{{}}}}},
		"null in a map":         {`{"spec":{"nodeSelector":{"a":null}}}`, &corev1.Pod{Spec: &corev1.PodSpec{NodeSelector: map[string]string{"a": ""}}}},
		"whole float":           {`{"spec":{"priority":1e2}}`, &corev1.Pod{Spec: &corev1.PodSpec{Priority: proto.Int32(100)}}},
		"quantity as a number":  {`{"spec":{"overhead":{"cpu":2.5}}}`, &corev1.Pod{Spec: &corev1.PodSpec{Overhead: map[string]*metav1.Quantity{"cpu": {String_: "2500m"}}}}},
		"quantity is canonical": {`{"spec":{"overhead":{"cpu":"1000m"}}}`, &corev1.Pod{Spec: &corev1.PodSpec{Overhead: map[string]*metav1.Quantity{"cpu": {String_: "1"}}}}},
		"time with zone": {`{"metadata":{"creationTimestamp":"2006-01-02T16:04:05.9+01:00"}}`,
			&corev1.Pod{Metadata: &metav1.ObjectMeta{CreationTimestamp: &timestamppb.Timestamp{Seconds: 1136214245}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromJSON(pods, []byte(c.json), true)
			if err != nil || !proto.Equal(got, c.want) {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestFromJSONReportsEverything(t *testing.T) {
	in := `{
  "apiVersion": "v2",
  "metadata": {"name": 7, "nme": "a", "name": "b"},
  "spec": {
    "hostNetwork": "yes",
    "nodeSelector": {"a": "1", "a": "2"},
    "priority": 3000000000,
    "containers": [
      {"Image": "x", "ports": {}},
      {"resources": {"limits": {"cpu": "lots"}}}
    ],
    "terminationGracePeriodSeconds": 1.5
  }
}`
	want := []string{
		`line 2: apiVersion: must be "v1", not the string "v2"`,
		`line 3: metadata.name: must be a string, not a number; put it in quotes: "7"`,
		`line 3: metadata.nme: unknown field; did you mean "name"?`,
		`line 3: metadata.name: is set twice`,
		`line 5: spec.hostNetwork: must be true or false, not the string "yes"`,
		`line 6: spec.nodeSelector[a]: is set twice`,
		`line 7: spec.priority: 3000000000 does not fit into 32 bits`,
		`line 9: spec.containers[0].Image: unknown field; did you mean "image"?`,
		`line 9: spec.containers[0].ports: must be a list, not an object`,
		`line 10: spec.containers[1].resources.limits[cpu]: "lots" is not a quantity such as 500m, 2 or 1Gi`,
		`line 12: spec.terminationGracePeriodSeconds: must be a whole number, not 1.5`,
	}
	_, err := FromJSON(kind.Lookup("pods"), []byte(in), true)
	var errs Errors
	if !errors.As(err, &errs) {
		t.Fatalf("not an Errors: %v", err)
	}
	if got := errs.Error(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestFromJSONNotStrict(t *testing.T) {
	got, err := FromJSON(kind.Lookup("pods"), []byte(`{"what":1,"metadata":{"name":"a","name":"b","labels":{"x":"1","x":"2"}}}`), false)
	want := &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "b", Labels: map[string]string{"x": "2"}}}
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFromJSONSyntax(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "not valid JSON: the text is empty",
		"{\n\"a\": 1,\n}":             "line 3: not valid JSON: ",
		"{\"a\": [1, 2":               "line 1: not valid JSON: the text ends too early",
		"{}\n{}":                      "line 2: not valid JSON: more follows the first value",
		"[]":                          "line 1: must be an object, not a list",
		strings.Repeat(`{"a":`, 2000): "line 1: nested too deeply or too large",
	} {
		_, err := FromJSON(kind.Lookup("pods"), []byte(in), true)
		var errs Errors
		if !errors.As(err, &errs) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %s…", in, err, want)
		}
	}
}

func TestMessagesThatAreNoResource(t *testing.T) {
	in := &metav1.Status{Status: "Success", Details: &metav1.StatusDetails{Name: "x"}, Code: 200}
	b := MarshalMessage(in)
	if want := `{"status":"Success","details":{"name":"x"},"code":200}`; string(b) != want {
		t.Errorf("got %s, want %s", b, want)
	}
	out := &metav1.Status{}
	if err := UnmarshalMessage(b, out, true); err != nil || !proto.Equal(in, out) {
		t.Errorf("came back as %v, %v", out, err)
	}
}

// A claim inside a StatefulSet may say what it is, and nothing else.
func TestObjectsInsideOthers(t *testing.T) {
	const text = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: a}\nspec:\n  volumeClaimTemplates:\n  - {apiVersion: v1, kind: %s, metadata: {name: data}}\n"
	docs, err := Decode(strings.NewReader(fmt.Sprintf(text, "PersistentVolumeClaim")), "a.yaml", Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(docs[0].JSON); strings.Count(got, "apiVersion") != 1 || !strings.Contains(got, `[{"metadata":{"name":"data"}}]`) {
		t.Errorf("as declared: %s", got)
	}
	_, err = Decode(strings.NewReader(fmt.Sprintf(text, "Pod")), "a.yaml", Options{Strict: true})
	if err == nil || !strings.Contains(err.Error(), `spec.volumeClaimTemplates[0].kind: must be "PersistentVolumeClaim"`) {
		t.Errorf("of another kind: %v", err)
	}
}
