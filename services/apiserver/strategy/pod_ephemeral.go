package strategy

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// takeEphemeralContainers is old with the ephemeral containers of new.
func takeEphemeralContainers(new, old *corev1.Pod) *corev1.Pod {
	out := proto.CloneOf(old)
	if out.Spec == nil {
		out.Spec = &corev1.PodSpec{}
	}
	out.Spec.EphemeralContainers = new.GetSpec().GetEphemeralContainers()
	return out
}

// validateEphemeralContainersUpdate lets ephemeral containers be added, never changed or removed: what has run, and who
// looked at what by it, stays to be seen.
func validateEphemeralContainersUpdate(new, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec", "ephemeralContainers")
	have := map[string]*corev1.EphemeralContainer{}
	for _, e := range new.GetSpec().GetEphemeralContainers() {
		have[e.GetEphemeralContainerCommon().GetName()] = e
	}
	var errs field.ErrorList
	for _, was := range old.GetSpec().GetEphemeralContainers() {
		name := was.GetEphemeralContainerCommon().GetName()
		is := have[name]
		switch {
		case is == nil:
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral container %q may not be removed", name)))
		case !proto.Equal(is, was):
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral container %q may not be changed", name)))
		}
	}
	return errs
}
