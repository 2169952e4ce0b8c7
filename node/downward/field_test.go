package downward

import (
	"strconv"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func fieldPod() *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{
			Name: "web-1", Namespace: "shop", Uid: "u-1",
			Labels:      map[string]string{"app": "web", "a.b/c": "x"},
			Annotations: map[string]string{"note": "say \"hi\"\nbye", "e": ""},
		},
		Spec:   &corev1.PodSpec{NodeName: "n1", ServiceAccountName: "runner"},
		Status: &corev1.PodStatus{PodIp: "10.0.0.9", HostIps: []*corev1.HostIP{{Ip: "192.0.2.9"}}},
	}
}

func TestField(t *testing.T) {
	info := PodInfo{NodeName: "other", HostIPs: []string{"192.0.2.1", "2001:db8::1"}, PodIPs: []string{"10.0.0.1", "fd00::1"}}
	for path, want := range map[string]string{
		"metadata.name":                "web-1",
		"metadata.namespace":           "shop",
		"metadata.uid":                 "u-1",
		"metadata.labels['app']":       "web",
		`metadata.labels["a.b/c"]`:     "x",
		"metadata.labels['none']":      "",
		"metadata.annotations['note']": "say \"hi\"\nbye",
		"metadata.labels":              "a.b/c=\"x\"\napp=\"web\"",
		"metadata.annotations":         "e=\"\"\nnote=\"say \\\"hi\\\"\\nbye\"",
		"spec.nodeName":                "n1",
		"spec.serviceAccountName":      "runner",
		"status.hostIP":                "192.0.2.1",
		"status.hostIPs":               "192.0.2.1,2001:db8::1",
		"status.podIP":                 "10.0.0.1",
		"status.podIPs":                "10.0.0.1,fd00::1",
	} {
		got, err := Field(fieldPod(), info, path)
		if err != nil || got != want {
			t.Errorf("Field(%s) = %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestFieldRefuses(t *testing.T) {
	for _, path := range []string{"", "metadata", "spec.containers", "metadata.name['x']", "metadata.labels[app]", "metadata.labels['", "metadata.labels[']", "metadata.labels['a\"]", "status.phase"} {
		if got, err := Field(fieldPod(), PodInfo{}, path); err == nil {
			t.Errorf("Field(%q) = %q, want an error", path, got)
		} else if !strings.Contains(err.Error(), strconv.Quote(path)) {
			t.Errorf("Field(%q): the error %q does not name the path", path, err)
		}
	}
}

func TestFieldFallsBackToStatus(t *testing.T) {
	pod := fieldPod()
	for path, want := range map[string]string{"status.podIP": "10.0.0.9", "status.podIPs": "10.0.0.9", "status.hostIPs": "192.0.2.9"} {
		if got, err := Field(pod, PodInfo{}, path); err != nil || got != want {
			t.Errorf("Field(%s) = %q, %v; want %q", path, got, err, want)
		}
	}
	pod.Spec.HostNetwork = true
	if got, _ := Field(pod, PodInfo{HostIPs: []string{"192.0.2.1"}}, "status.podIP"); got != "192.0.2.1" {
		t.Errorf("pod IP on the host's network = %q, want the host's", got)
	}
	pod.Spec.NodeName = ""
	if got, _ := Field(pod, PodInfo{NodeName: "n2"}, "spec.nodeName"); got != "n2" {
		t.Errorf("node name = %q, want the agent's", got)
	}
}
