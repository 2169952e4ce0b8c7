package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	nodev1 "kaji.dev/kaji/gen/kaji/node/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/quantity"
)

var runtimeClasses = kind.Of(&nodev1.RuntimeClass{})

// RuntimeClass gives pods what their runtime class says: its overhead, and the nodes that have it.
type RuntimeClass struct {
	Reader Reader
}

// Mutate implements Mutator.
func (p RuntimeClass) Mutate(ctx context.Context, r *Request) error {
	pod, ok := r.Object.(*corev1.Pod)
	if !ok || r.Verb != metav1.Verb_VERB_CREATE || pod.GetSpec() == nil {
		return nil
	}
	name := pod.Spec.GetRuntimeClassName()
	if name == "" {
		if len(pod.Spec.Overhead) > 0 {
			return refusePod(r, "overhead is set, but no runtimeClassName that says so")
		}
		return nil
	}
	object, _ := p.Reader.Cached(runtimeClasses, "", name)
	if object == nil {
		var err error
		if object, _, err = p.Reader.Fresh(ctx, runtimeClasses, "", name); err != nil {
			return err
		}
	}
	if object == nil {
		return refusePod(r, fmt.Sprintf("RuntimeClass %q not found", name))
	}
	class := object.(*nodev1.RuntimeClass)
	if err := setOverhead(r, pod.Spec, class); err != nil {
		return err
	}
	return setScheduling(r, pod.Spec, class.GetScheduling())
}

func refusePod(r *Request, why string) error {
	return apierror.Forbidden(fmt.Sprintf("pods.core %q is rejected: %s", r.Name, why))
}

func setOverhead(r *Request, spec *corev1.PodSpec, class *nodev1.RuntimeClass) error {
	fixed := class.GetOverhead().GetPodFixed()
	if len(spec.Overhead) > 0 && !maps.EqualFunc(spec.Overhead, fixed, sameQuantity) {
		return refusePod(r, "its overhead differs from that of its RuntimeClass")
	}
	if len(fixed) == 0 {
		return nil
	}
	spec.Overhead = make(map[string]*metav1.Quantity, len(fixed))
	for resource, q := range fixed {
		spec.Overhead[resource] = proto.CloneOf(q)
	}
	return nil
}

func sameQuantity(a, b *metav1.Quantity) bool {
	x, errX := quantity.Parse(a)
	y, errY := quantity.Parse(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

func setScheduling(r *Request, spec *corev1.PodSpec, s *nodev1.Scheduling) error {
	for key, value := range s.GetNodeSelector() {
		if have, ok := spec.NodeSelector[key]; ok && have != value {
			return refusePod(r, fmt.Sprintf("its nodeSelector wants %s=%s, its RuntimeClass %s=%s", key, have, key, value))
		}
		if spec.NodeSelector == nil {
			spec.NodeSelector = map[string]string{}
		}
		spec.NodeSelector[key] = value
	}
	for _, t := range s.GetTolerations() {
		if !slices.ContainsFunc(spec.Tolerations, func(have *corev1.Toleration) bool { return proto.Equal(have, t) }) {
			spec.Tolerations = append(spec.Tolerations, proto.CloneOf(t))
		}
	}
	return nil
}
