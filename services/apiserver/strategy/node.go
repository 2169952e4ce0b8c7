package strategy

import (
	"fmt"
	"net/netip"
	"slices"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func nodeRules() rules[*corev1.Node] {
	return rules[*corev1.Node]{
		defaults:       defaultNode,
		validate:       validateNode,
		validateUpdate: validateNodeUpdate,
		validateStatus: func(new, _ *corev1.Node) field.ErrorList { return validateNodeStatus(new.GetStatus()) },
		prepareUpdate: func(new, old *corev1.Node) {
			if new.Spec.GetPodCidr() == "" && old.Spec.GetPodCidr() != "" {
				new.Spec.PodCidr, new.Spec.PodCidrs = old.Spec.PodCidr, old.Spec.PodCidrs
			}
			if new.Spec.GetProviderId() == "" {
				new.Spec.ProviderId = old.Spec.GetProviderId()
			}
		},
	}
}

func defaultNode(n *corev1.Node) {
	if n.Spec == nil {
		n.Spec = &corev1.NodeSpec{}
	}
	// podCIDR is the old name of the first of podCIDRs.
	switch {
	case n.Spec.PodCidr != "" && len(n.Spec.PodCidrs) == 0:
		n.Spec.PodCidrs = []string{n.Spec.PodCidr}
	case n.Spec.PodCidr == "" && len(n.Spec.PodCidrs) > 0:
		n.Spec.PodCidr = n.Spec.PodCidrs[0]
	}
	if st := n.Status; st != nil && len(st.Allocatable) == 0 && len(st.Capacity) > 0 {
		st.Allocatable = make(map[string]*metav1.Quantity, len(st.Capacity))
		for name, q := range st.Capacity {
			st.Allocatable[name] = proto.CloneOf(q)
		}
	}
}

func validateNode(n *corev1.Node) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateTaints(n.GetSpec().GetTaints(), path.Child("taints"))
	cidrs := n.GetSpec().GetPodCidrs()
	for i, c := range cidrs {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Child("podCIDRs").Index(i), c, true, nil)...)
	}
	if len(cidrs) > 0 && cidrs[0] != n.GetSpec().GetPodCidr() {
		errs = append(errs, field.Invalid(path.Child("podCIDR"), n.GetSpec().GetPodCidr(), "must be the same as the first of podCIDRs"))
	}
	if len(cidrs) > 2 || (len(cidrs) == 2 && sameFamily(cidrs[0], cidrs[1])) {
		errs = append(errs, field.Invalid(path.Child("podCIDRs"), cidrs, "may hold at most one CIDR of each IP family"))
	}
	if p := n.GetSpec().GetPodPreemptionPolicy(); p != nil {
		at := path.Child("podPreemptionPolicy", "disableResizePreemption")
		if len(p.DisableResizePreemption) > 20 {
			errs = append(errs, field.TooMany(at, len(p.DisableResizePreemption), 20))
		}
		for i, owner := range p.DisableResizePreemption {
			errs = append(errs, qualifiedName(at.Index(i), owner)...)
		}
	}
	return append(errs, validateNodeStatus(n.GetStatus())...)
}

func sameFamily(a, b string) bool {
	x, errX := netip.ParsePrefix(a)
	y, errY := netip.ParsePrefix(b)
	return errX == nil && errY == nil && x.Addr().Is4() == y.Addr().Is4()
}

// validateTaints checks taints: keys and values as labels have them, one for each key and effect.
func validateTaints(taints []*corev1.Taint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[[2]string]bool{}
	for i, t := range taints {
		at := path.Index(i)
		errs = append(errs, qualifiedName(at.Child("key"), t.Key)...)
		errs = append(errs, each(at.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
		errs = append(errs, validateTaintEffect(t.Effect, false, at.Child("effect"))...)
		id := [2]string{t.Key, t.Effect}
		if seen[id] {
			errs = append(errs, field.Duplicate(at, t.Key+":"+t.Effect))
		}
		seen[id] = true
	}
	return errs
}

func validateTaintEffect(effect string, mayBeEmpty bool, path *field.Path) field.ErrorList {
	if effect == "" {
		if mayBeEmpty {
			return nil
		}
		return field.ErrorList{field.Required(path, "")}
	}
	return oneOf(path, effect, "NoSchedule", "PreferNoSchedule", "NoExecute")
}

func validateNodeStatus(s *corev1.NodeStatus) field.ErrorList {
	path := field.NewPath("status")
	capacity, errs := validateResourceList(s.GetCapacity(), path.Child("capacity"), nil)
	allocatable, more := validateResourceList(s.GetAllocatable(), path.Child("allocatable"), nil)
	errs = append(errs, more...)
	for name, q := range allocatable {
		if max, ok := capacity[name]; ok && q.Cmp(max) > 0 {
			errs = append(errs, field.Invalid(path.Child("allocatable").Key(name), q.String(), fmt.Sprintf("must not be more than the capacity of %s", max.String())))
		}
	}
	type address struct{ kind, value string }
	seen := map[address]bool{}
	for i, a := range s.GetAddresses() {
		id := address{a.Type, a.Address}
		if seen[id] {
			errs = append(errs, field.Duplicate(path.Child("addresses").Index(i), a.Type+" "+a.Address))
		}
		seen[id] = true
	}
	return errs
}

func validateNodeUpdate(new, old *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	if was := old.GetSpec().GetPodCidrs(); len(was) > 0 && !slices.Equal(was, new.GetSpec().GetPodCidrs()) {
		errs = append(errs, field.Forbidden(path.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
	}
	if was := old.GetSpec().GetProviderId(); was != "" && was != new.GetSpec().GetProviderId() {
		errs = append(errs, field.Forbidden(path.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	return errs
}
