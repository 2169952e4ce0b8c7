package downward

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func list(kv ...string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = &metav1.Quantity{String_: kv[i+1]}
	}
	return out
}

func TestResource(t *testing.T) {
	main := &corev1.Container{Name: "main", Resources: &corev1.ResourceRequirements{
		Limits:   list("cpu", "1500m", "memory", "64Mi", "hugepages-2Mi", "4Mi"),
		Requests: list("cpu", "250m", "memory", "33554433"),
	}}
	bare := &corev1.Container{Name: "bare"}
	pod := &corev1.Pod{Spec: &corev1.PodSpec{Containers: []*corev1.Container{main, bare}, InitContainers: []*corev1.Container{{Name: "init", Resources: &corev1.ResourceRequirements{Limits: list("memory", "1Ki")}}}}}
	info := PodInfo{Allocatable: map[string]resource.Quantity{"cpu": resource.MustParse("3800m"), "memory": resource.MustParse("8Gi"), "ephemeral-storage": resource.MustParse("10Gi")}}
	for _, c := range []struct {
		of             *corev1.Container
		name           string
		resource, unit string
		want           string
	}{
		{main, "", "limits.cpu", "", "2"},
		{main, "", "limits.cpu", "1m", "1500"},
		{main, "", "limits.cpu", "0", "2"},
		{main, "", "requests.cpu", "100m", "3"},
		{main, "", "limits.memory", "", "67108864"},
		{main, "", "limits.memory", "1Mi", "64"},
		{main, "", "requests.memory", "1Mi", "33"},
		{main, "", "limits.hugepages-2Mi", "1Mi", "4"},
		{main, "bare", "limits.hugepages-2Mi", "", "0"},
		{bare, "", "limits.cpu", "", "4"},
		{bare, "", "limits.memory", "1Gi", "8"},
		{bare, "", "limits.ephemeral-storage", "1Gi", "10"},
		{bare, "", "requests.cpu", "", "0"},
		{bare, "main", "requests.cpu", "1m", "250"},
		{nil, "init", "limits.memory", "", "1024"},
	} {
		sel := &corev1.ResourceFieldSelector{ContainerName: c.name, Resource: c.resource}
		if c.unit != "" {
			sel.Divisor = &metav1.Quantity{String_: c.unit}
		}
		got, err := Resource(pod, c.of, sel, info)
		if err != nil || got != c.want {
			t.Errorf("%s of %q/%q by %q = %q, %v; want %s", c.resource, c.of.GetName(), c.name, c.unit, got, err, c.want)
		}
	}

	pod.Spec.Resources = &corev1.ResourceRequirements{Limits: list("memory", "1Gi")}
	if got, err := Resource(pod, bare, &corev1.ResourceFieldSelector{Resource: "limits.memory"}, info); err != nil || got != "1073741824" {
		t.Errorf("limit of a container in a pod with a limit = %q, %v; want the pod's", got, err)
	}

	for name, sel := range map[string]*corev1.ResourceFieldSelector{
		"unknown container": {ContainerName: "nobody", Resource: "limits.cpu"},
		"no container":      {Resource: "limits.cpu"},
		"unknown resource":  {ContainerName: "main", Resource: "limits.gpu"},
		"unknown side":      {ContainerName: "main", Resource: "cpu"},
		"bad divisor":       {ContainerName: "main", Resource: "limits.cpu", Divisor: &metav1.Quantity{String_: "x"}},
		"negative divisor":  {ContainerName: "main", Resource: "limits.cpu", Divisor: &metav1.Quantity{String_: "-1"}},
	} {
		if got, err := Resource(pod, nil, sel, info); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}
