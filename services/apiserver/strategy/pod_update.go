package strategy

import (
	"math"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const podFrozen = "pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, " +
	"`spec.activeDeadlineSeconds`, `spec.tolerations` (only additions to existing tolerations), " +
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative); delete the pod and create it again"

// validatePodUpdate lets little of a pod's spec change: it is running already.
func validatePodUpdate(new, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	n, o := new.GetSpec(), old.GetSpec()
	if n == nil || o == nil || proto.Equal(n, o) {
		return nil
	}
	var errs field.ErrorList
	for what, pair := range map[string][2]int{
		"containers":          {len(n.Containers), len(o.Containers)},
		"initContainers":      {len(n.InitContainers), len(o.InitContainers)},
		"ephemeralContainers": {len(n.EphemeralContainers), len(o.EphemeralContainers)},
	} {
		if pair[0] != pair[1] {
			errs = append(errs, field.Forbidden(path.Child(what), "pod updates may not add or remove containers"))
		}
	}
	if len(errs) > 0 {
		return errs
	}
	errs = append(errs, validateDeadlineUpdate(n.ActiveDeadlineSeconds, o.ActiveDeadlineSeconds, path.Child("activeDeadlineSeconds"))...)
	if !keepsTolerations(n.Tolerations, o.Tolerations) {
		errs = append(errs, field.Forbidden(path.Child("tolerations"), "existing toleration can not be modified except its tolerationSeconds"))
	}
	errs = append(errs, validateGatesUpdate(n, o, path.Child("schedulingGates"))...)
	// Everything that may change is made as it was; what still differs may not.
	same := proto.CloneOf(n)
	same.ActiveDeadlineSeconds = o.ActiveDeadlineSeconds
	same.Tolerations = o.Tolerations
	same.SchedulingGates = o.SchedulingGates
	for i, c := range same.Containers {
		c.Image = o.Containers[i].Image
	}
	for i, c := range same.InitContainers {
		c.Image = o.InitContainers[i].Image
	}
	if o.GetTerminationGracePeriodSeconds() < 0 && n.GetTerminationGracePeriodSeconds() == 1 {
		same.TerminationGracePeriodSeconds = o.TerminationGracePeriodSeconds
	}
	if len(o.SchedulingGates) > 0 {
		// Until it may be scheduled, where a pod can go may be narrowed.
		errs = append(errs, validateNarrowing(n, o, path)...)
		same.NodeSelector = o.NodeSelector
		if same.Affinity != nil || o.Affinity != nil {
			same.Affinity = proto.CloneOf(same.Affinity)
			if same.Affinity == nil {
				same.Affinity = &corev1.Affinity{}
			}
			same.Affinity.NodeAffinity = o.GetAffinity().GetNodeAffinity()
			if o.Affinity == nil && proto.Size(same.Affinity) == 0 {
				same.Affinity = nil
			}
		}
	}
	for _, name := range differences(same, o) {
		errs = append(errs, field.Forbidden(path.Child(name), podFrozen))
	}
	return errs
}

// differences names the top-level fields in which two messages of one type differ, as JSON has them.
func differences[M proto.Message](a, b M) []string {
	if proto.Equal(a, b) {
		return nil
	}
	var names []string
	x, y := a.ProtoReflect(), b.ProtoReflect()
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if x.Has(fd) != y.Has(fd) || !x.Get(fd).Equal(y.Get(fd)) {
			names = append(names, fd.JSONName())
		}
	}
	return names
}

func validateDeadlineUpdate(new, old *int64, path *field.Path) field.ErrorList {
	switch {
	case new == nil && old == nil:
		return nil
	case new == nil:
		return field.ErrorList{field.Invalid(path, "", "must not update from a positive integer to nil value")}
	case *new < 0 || *new > math.MaxInt32:
		return field.ErrorList{field.Invalid(path, *new, validation.InclusiveRangeError(0, math.MaxInt32))}
	case old != nil && *old < *new:
		return field.ErrorList{field.Invalid(path, *new, "must be less than or equal to previous value")}
	}
	return nil
}

// validateGatesUpdate lets gates be removed, never added.
func validateGatesUpdate(new, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	had := map[string]bool{}
	for _, g := range old.SchedulingGates {
		had[g.Name] = true
	}
	var errs field.ErrorList
	for i, g := range new.SchedulingGates {
		if !had[g.Name] {
			errs = append(errs, field.Forbidden(path.Index(i), "only deletion is allowed, but found new scheduling gate "+g.Name))
		}
	}
	return errs
}

// validateNarrowing lets a gated pod get more selective about its node, never less.
func validateNarrowing(new, old *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for k, v := range old.NodeSelector {
		if got, ok := new.NodeSelector[k]; !ok || got != v {
			errs = append(errs, field.Invalid(path.Child("nodeSelector"), new.NodeSelector, "only additions are allowed for pods with non-empty schedulingGates"))
			break
		}
	}
	was := old.GetAffinity().GetNodeAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution()
	if was == nil {
		return errs
	}
	is := new.GetAffinity().GetNodeAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution()
	at := path.Child("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	if len(is.GetNodeSelectorTerms()) != len(was.NodeSelectorTerms) {
		return append(errs, field.Invalid(at, len(is.GetNodeSelectorTerms()), "no additions/deletions to non-empty NodeSelectorTerms list are allowed"))
	}
	for i, t := range was.NodeSelectorTerms {
		n := is.NodeSelectorTerms[i]
		if !contains(n.MatchExpressions, t.MatchExpressions) || !contains(n.MatchFields, t.MatchFields) ||
			(len(t.MatchExpressions)+len(t.MatchFields) == 0 && !proto.Equal(n, t)) {
			errs = append(errs, field.Invalid(at.Index(i), summary(n), "only additions are allowed (no mutations or deletions)"))
		}
	}
	return errs
}

// contains says whether all is part of list.
func contains(list, all []*corev1.NodeSelectorRequirement) bool {
	for _, want := range all {
		found := false
		for _, got := range list {
			found = found || proto.Equal(got, want)
		}
		if !found {
			return false
		}
	}
	return true
}

// validatePodStatus checks a status that a node agent or a controller writes.
func validatePodStatus(new, old *corev1.Pod) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status")
	st := new.GetStatus()
	if was, is := old.GetStatus().GetQosClass(), st.GetQosClass(); was != "" && is != "" && was != is {
		errs = append(errs, field.Invalid(path.Child("qosClass"), is, immutableMessage))
	}
	if n := st.GetNominatedNodeName(); n != "" {
		errs = append(errs, each(path.Child("nominatedNodeName"), n, subdomainName(n, false))...)
	}
	if st.GetPhase() != "" {
		errs = append(errs, oneOf(path.Child("phase"), st.GetPhase(), "Failed", "Pending", "Running", "Succeeded", "Unknown")...)
	}
	for i, c := range st.GetConditions() {
		errs = append(errs, qualifiedName(path.Child("conditions").Index(i).Child("type"), c.Type)...)
		errs = append(errs, oneOf(path.Child("conditions").Index(i).Child("status"), c.Status, "False", "True", "Unknown")...)
	}
	seen := map[string]bool{}
	for i, ip := range st.GetPodIps() {
		at := path.Child("podIPs").Index(i)
		errs = append(errs, validation.IsValidIPForLegacyField(at, ip.Ip, true, nil)...)
		if seen[ip.Ip] {
			errs = append(errs, field.Duplicate(at, ip.Ip))
		}
		seen[ip.Ip] = true
	}
	return errs
}
