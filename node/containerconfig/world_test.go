package containerconfig

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func ptr[T any](v T) *T { return &v }

func testConfig(t *testing.T, change ...func(*Config)) *Config {
	t.Helper()
	c := &Config{
		NodeName:       "n1",
		ClusterDNS:     []string{"10.96.0.10"},
		ClusterDomain:  "cluster.local",
		HostResolver:   ResolvConf{Nameservers: []string{"192.0.2.53"}, Searches: []string{"corp.example"}, Options: []string{"edns0"}},
		MemoryCapacity: 10 << 30,
		MinOOMScoreAdj: -1000,
	}
	for _, f := range change {
		f(c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// quantities reads name, amount, name, amount, …
func quantities(kv ...string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = &metav1.Quantity{String_: kv[i+1]}
	}
	return out
}

func resourcesOf(requests, limits []string) *corev1.ResourceRequirements {
	return &corev1.ResourceRequirements{Requests: quantities(requests...), Limits: quantities(limits...)}
}

func newPod(containers ...*corev1.Container) *corev1.Pod {
	if len(containers) == 0 {
		containers = []*corev1.Container{{Name: "main", Image: "web:1"}}
	}
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web", Namespace: "shop", Uid: "6f1c-22", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"note": "x"}},
		Spec:     &corev1.PodSpec{Containers: containers},
	}
}

// with changes a pod in place.
func with(pod *corev1.Pod, change func(*corev1.PodSpec)) *corev1.Pod {
	change(pod.GetSpec())
	return pod
}
