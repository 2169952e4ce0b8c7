package proxy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestPickContainer(t *testing.T) {
	one := &corev1.Pod{Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "main"}}, InitContainers: []*corev1.Container{{Name: "init"}}}}
	two := &corev1.Pod{Spec: &corev1.PodSpec{
		Containers:          []*corev1.Container{{Name: "main"}, {Name: "side"}},
		EphemeralContainers: []*corev1.EphemeralContainer{{EphemeralContainerCommon: &corev1.EphemeralContainerCommon{Name: "debug"}}},
	}}
	marked := &corev1.Pod{Metadata: &metav1.ObjectMeta{Annotations: map[string]string{defaultContainer: "side"}}, Spec: two.Spec}
	misled := &corev1.Pod{Metadata: &metav1.ObjectMeta{Annotations: map[string]string{defaultContainer: "gone"}}, Spec: two.Spec}
	for name, c := range map[string]struct {
		pod        *corev1.Pod
		asks, want string // want is empty for a refusal
	}{
		"the only one":                {one, "", "main"},
		"an init container":           {one, "init", "init"},
		"one of two":                  {two, "side", "side"},
		"an ephemeral one":            {two, "debug", "debug"},
		"not said which":              {two, "", ""},
		"the annotation says":         {marked, "", "side"},
		"the annotation is overruled": {marked, "main", "main"},
		"the annotation misleads":     {misled, "", ""},
		"not there":                   {one, "other", ""},
	} {
		got, err := pickContainer(c.pod, c.asks)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestAgentAddress(t *testing.T) {
	node := func(port int32, addresses ...*corev1.NodeAddress) *corev1.Node {
		return &corev1.Node{Status: &corev1.NodeStatus{
			Addresses: addresses, DaemonEndpoints: &corev1.NodeDaemonEndpoints{KubeletEndpoint: &corev1.DaemonEndpoint{Port: port}},
		}}
	}
	internal, hostname := &corev1.NodeAddress{Type: "InternalIP", Address: "10.0.0.1"}, &corev1.NodeAddress{Type: "Hostname", Address: "n"}
	six := &corev1.NodeAddress{Type: "InternalIP", Address: "fd00::1"}
	for _, c := range []struct {
		node *corev1.Node
		want string
	}{
		{node(10250, hostname, internal), "10.0.0.1:10250"},
		{node(10250, six), "[fd00::1]:10250"},
		{node(0, internal), ""},
		{node(10250, hostname), ""},
		{&corev1.Node{}, ""},
	} {
		got, err := agentAddress(c.node)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %q, %v; want %q", c.node.GetStatus(), got, err, c.want)
		}
	}
}
