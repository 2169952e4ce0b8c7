package selector

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestFields(t *testing.T) {
	allowed := []string{"metadata.name", "spec.nodeName", "spec.hostNetwork", "status.phase", "status.podIP"}
	pod := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web"},
		Spec:     &corev1.PodSpec{NodeName: "n1"},
		Status:   &corev1.PodStatus{Phase: "Running", PodIp: "10.0.0.1"},
	}
	for _, tc := range []struct {
		text       string
		match, bad bool
	}{
		{text: "", match: true},
		{text: "spec.nodeName=n1", match: true},
		{text: "spec.nodeName=n2"},
		{text: "spec.nodeName!=n2,status.phase==Running", match: true},
		{text: "spec.nodeName="},
		{text: "spec.hostNetwork=false", match: true},
		{text: "status.podIP=10.0.0.1", match: true},
		{text: "metadata.name=web,status.phase!=Running"},
		{text: "spec.hostname=x", bad: true},
		{text: "spec.nodeName", bad: true},
	} {
		t.Run(tc.text, func(t *testing.T) {
			f, err := ParseFields(tc.text, allowed)
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if !tc.bad && f.Matches(pod) != tc.match {
				t.Errorf("match is not %v", tc.match)
			}
		})
	}
	f, err := ParseFields("spec.nodeName=n1,metadata.name!=x", allowed)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.RequiresExact("spec.nodeName"); !ok || v != "n1" {
		t.Errorf("exact node %q %v", v, ok)
	}
	if _, ok := f.RequiresExact("metadata.name"); ok {
		t.Error("an inequality was taken for an exact value")
	}
}

func TestEventFields(t *testing.T) {
	event := &corev1.Event{Source: &corev1.EventSource{Component: "scheduler"}, InvolvedObject: &corev1.ObjectReference{Name: "web"}}
	for path, want := range map[string]string{"source": "scheduler", "reportingComponent": "scheduler"} {
		if got := FieldValue(event, path); got != want {
			t.Errorf("%s = %q, want %q", path, got, want)
		}
	}
	if got := FieldValue(event, "involvedObject", "name"); got != "web" {
		t.Errorf("involvedObject.name = %q", got)
	}
	if got := FieldValue(event, "involvedObject"); got != "" {
		t.Errorf("a message has the value %q", got)
	}
}
