package downward

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// Resource gives the value of a resourceFieldRef, counted in units of its
// divisor (1 when unset: whole cores, bytes) and rounded up. container is the
// one that asks, used when the selector names none; nil where there is no such
// container (a volume). A limit that the container lacks is the pod's own limit,
// else what the node can allocate; a request that it lacks is 0.
func Resource(pod *corev1.Pod, container *corev1.Container, sel *corev1.ResourceFieldSelector, info PodInfo) (string, error) {
	if name := sel.GetContainerName(); name != "" && name != container.GetName() {
		if container = find(pod, name); container == nil {
			return "", fmt.Errorf("resourceFieldRef: the pod has no container %q", name)
		}
	}
	if container == nil {
		return "", fmt.Errorf("resourceFieldRef: containerName is required here")
	}
	side, name, _ := strings.Cut(sel.GetResource(), ".")
	if (side != "limits" && side != "requests") || !readable(name) {
		return "", fmt.Errorf("resourceFieldRef: %q is not a resource that a pod may read", sel.GetResource())
	}
	var amount resource.Quantity
	var err error
	if side == "limits" {
		amount, err = limit(pod, container, name, info)
	} else {
		amount, err = Quantity(container.GetResources().GetRequests()[name])
	}
	if err != nil {
		return "", fmt.Errorf("resourceFieldRef %s of container %q: %w", sel.GetResource(), container.GetName(), err)
	}
	divisor, err := Quantity(sel.GetDivisor())
	if err != nil {
		return "", fmt.Errorf("resourceFieldRef: divisor: %w", err)
	}
	if divisor.Sign() < 0 {
		return "", fmt.Errorf("resourceFieldRef: divisor %q is negative", sel.GetDivisor().GetString_())
	}
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	if name == "cpu" {
		return ceil(amount.MilliValue(), divisor.MilliValue()), nil
	}
	return ceil(amount.Value(), divisor.Value()), nil
}

func readable(name string) bool {
	switch name {
	case "cpu", "memory", "ephemeral-storage":
		return true
	}
	return strings.HasPrefix(name, "hugepages-")
}

func limit(pod *corev1.Pod, c *corev1.Container, name string, info PodInfo) (resource.Quantity, error) {
	for _, of := range []map[string]*metav1.Quantity{c.GetResources().GetLimits(), pod.GetSpec().GetResources().GetLimits()} {
		q, err := Quantity(of[name])
		if err != nil {
			return q, err
		}
		if !q.IsZero() {
			return q, nil
		}
	}
	if strings.HasPrefix(name, "hugepages-") {
		return resource.Quantity{}, nil // never given out unless asked for
	}
	return info.Allocatable[name], nil
}

// Quantity reads a message as a quantity; an unset one is zero.
func Quantity(q *metav1.Quantity) (resource.Quantity, error) {
	if q.GetString_() == "" {
		return resource.Quantity{}, nil
	}
	return resource.ParseQuantity(q.GetString_())
}

func ceil(amount, divisor int64) string {
	n := amount / divisor
	if amount%divisor > 0 {
		n++
	}
	return strconv.FormatInt(n, 10)
}

func find(pod *corev1.Pod, name string) *corev1.Container {
	for _, c := range pod.GetSpec().GetContainers() {
		if c.GetName() == name {
			return c
		}
	}
	for _, c := range pod.GetSpec().GetInitContainers() {
		if c.GetName() == name {
			return c
		}
	}
	return nil
}
