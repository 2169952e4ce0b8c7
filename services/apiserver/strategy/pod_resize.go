package strategy

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// resized is old with the resources that new gives its containers. Containers that cannot be matched by place and
// name are taken whole, for validateResize to refuse.
func resized(new, old *corev1.Pod) *corev1.Pod {
	out := proto.CloneOf(old)
	if out.Spec == nil {
		out.Spec = &corev1.PodSpec{}
	}
	n := new.GetSpec()
	if !sameNames(n.GetContainers(), out.Spec.Containers) || !sameNames(n.GetInitContainers(), out.Spec.InitContainers) {
		out.Spec.Containers, out.Spec.InitContainers = n.GetContainers(), n.GetInitContainers()
		return out
	}
	for i, c := range out.Spec.Containers {
		c.Resources = n.Containers[i].GetResources()
	}
	for i, c := range out.Spec.InitContainers {
		c.Resources = n.InitContainers[i].GetResources()
	}
	return out
}

func sameNames(a, b []*corev1.Container) bool {
	return slices.EqualFunc(a, b, func(x, y *corev1.Container) bool { return x.GetName() == y.GetName() })
}

// validateResize checks the change of a pod's resources while it is there.
func validateResize(new, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	n, o := new.GetSpec(), old.GetSpec()
	if !sameNames(n.GetContainers(), o.GetContainers()) || !sameNames(n.GetInitContainers(), o.GetInitContainers()) {
		return field.ErrorList{field.Forbidden(path.Child("containers"),
			"containers may not be added, removed, renamed or put into another order by a resize")}
	}
	if r := o.GetResources(); len(r.GetRequests())+len(r.GetLimits()) > 0 {
		return field.ErrorList{field.Forbidden(path, "pods with pod-level resources cannot be resized")}
	}
	var errs field.ErrorList
	was := old.GetStatus().GetQosClass()
	if was == "" {
		was = qosClass(o)
	}
	if is := qosClass(n); is != was {
		errs = append(errs, field.Invalid(path, is, fmt.Sprintf("Pod QOS Class may not change as a result of resizing; it is %s", was)))
	}
	for i, c := range n.GetContainers() {
		errs = append(errs, validateContainerResize(c, o.Containers[i], path.Child("containers").Index(i).Child("resources"))...)
	}
	for i, c := range n.GetInitContainers() {
		at := path.Child("initContainers").Index(i).Child("resources")
		if c.GetRestartPolicy() != "Always" && !proto.Equal(c.GetResources(), o.InitContainers[i].GetResources()) {
			errs = append(errs, field.Forbidden(at, "resources of init containers that do not keep running cannot be resized"))
			continue
		}
		errs = append(errs, validateContainerResize(c, o.InitContainers[i], at)...)
	}
	return errs
}

// validateContainerResize lets amounts of cpu and memory change, and be given where there was none.
func validateContainerResize(new, old *corev1.Container, path *field.Path) field.ErrorList {
	n, o := new.GetResources(), old.GetResources()
	var errs field.ErrorList
	for _, list := range []struct {
		name     string
		new, old map[string]*metav1.Quantity
	}{{"limits", n.GetLimits(), o.GetLimits()}, {"requests", n.GetRequests(), o.GetRequests()}} {
		names := map[string]bool{}
		for name := range list.new {
			names[name] = true
		}
		for name := range list.old {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			is, was := list.new[name], list.old[name]
			at := path.Child(list.name).Key(name)
			switch {
			case is.GetString_() == was.GetString_(): // both are in canonical form
			case name != "cpu" && name != "memory":
				errs = append(errs, field.Forbidden(at, "only cpu and memory resources are mutable"))
			case is == nil:
				errs = append(errs, field.Forbidden(at, "resource "+list.name+" cannot be removed by a resize"))
			}
		}
	}
	if !slices.EqualFunc(n.GetClaims(), o.GetClaims(), func(a, b *corev1.ResourceClaim) bool { return proto.Equal(a, b) }) {
		errs = append(errs, field.Forbidden(path.Child("claims"), "only cpu and memory resources are mutable"))
	}
	return errs
}
