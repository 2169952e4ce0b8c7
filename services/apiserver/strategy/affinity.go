package strategy

import (
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func validateAffinity(a *corev1.Affinity, path *field.Path) field.ErrorList {
	if a == nil {
		return nil
	}
	var errs field.ErrorList
	const required, preferred = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
	if n := a.NodeAffinity; n != nil {
		at := path.Child("nodeAffinity")
		if n.RequiredDuringSchedulingIgnoredDuringExecution != nil {
			errs = append(errs, validateNodeSelector(n.RequiredDuringSchedulingIgnoredDuringExecution, at.Child(required))...)
		}
		for i, t := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			here := at.Child(preferred).Index(i)
			errs = append(errs, validateWeight(t.Weight, here)...)
			errs = append(errs, validateNodeSelectorTerm(t.GetPreference(), here.Child("preference"))...)
		}
	}
	pods := func(at *field.Path, hard []*corev1.PodAffinityTerm, soft []*corev1.WeightedPodAffinityTerm) {
		for i, t := range hard {
			errs = append(errs, validatePodAffinityTerm(t, at.Child(required).Index(i))...)
		}
		for i, t := range soft {
			here := at.Child(preferred).Index(i)
			errs = append(errs, validateWeight(t.Weight, here)...)
			errs = append(errs, validatePodAffinityTerm(t.GetPodAffinityTerm(), here.Child("podAffinityTerm"))...)
		}
	}
	if p := a.PodAffinity; p != nil {
		pods(path.Child("podAffinity"), p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if p := a.PodAntiAffinity; p != nil {
		pods(path.Child("podAntiAffinity"), p.RequiredDuringSchedulingIgnoredDuringExecution, p.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return errs
}

func validateWeight(w int32, path *field.Path) field.ErrorList {
	if w < 1 || w > 100 {
		return field.ErrorList{field.Invalid(path.Child("weight"), w, "must be in the range 1-100")}
	}
	return nil
}

func validateNodeSelector(s *corev1.NodeSelector, path *field.Path) field.ErrorList {
	terms := path.Child("nodeSelectorTerms")
	if len(s.NodeSelectorTerms) == 0 {
		return field.ErrorList{field.Required(terms, "must have at least one node selector term")}
	}
	var errs field.ErrorList
	for i, t := range s.NodeSelectorTerms {
		errs = append(errs, validateNodeSelectorTerm(t, terms.Index(i))...)
	}
	return errs
}

func validateNodeSelectorTerm(t *corev1.NodeSelectorTerm, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, r := range t.GetMatchExpressions() {
		errs = append(errs, validateNodeRequirement(r, path.Child("matchExpressions").Index(i))...)
	}
	for i, r := range t.GetMatchFields() {
		at := path.Child("matchFields").Index(i)
		if r.Key != "metadata.name" {
			errs = append(errs, field.Invalid(at.Child("key"), r.Key, "not a valid field selector key; only metadata.name is"))
		}
		if bad := oneOf(at.Child("operator"), r.Operator, "In", "NotIn"); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(at.Child("values"), "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"))
			continue
		}
		errs = append(errs, each(at.Child("values").Index(0), r.Values[0], subdomainName(r.Values[0], false))...)
	}
	return errs
}

func validateNodeRequirement(r *corev1.NodeSelectorRequirement, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	values := path.Child("values")
	switch r.Operator {
	case "In", "NotIn":
		if len(r.Values) == 0 {
			errs = append(errs, field.Required(values, "must be specified when `operator` is 'In' or 'NotIn'"))
		}
	case "Exists", "DoesNotExist":
		if len(r.Values) > 0 {
			errs = append(errs, field.Forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
		}
	case "Gt", "Lt":
		if len(r.Values) != 1 {
			errs = append(errs, field.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
		} else if _, err := strconv.ParseInt(r.Values[0], 10, 64); err != nil {
			errs = append(errs, field.Invalid(values.Index(0), r.Values[0], "must be an integer when `operator` is 'Lt' or 'Gt'"))
		}
	default:
		errs = append(errs, field.Invalid(path.Child("operator"), r.Operator, "not a valid selector operator"))
	}
	errs = append(errs, qualifiedName(path.Child("key"), r.Key)...)
	for i, v := range r.Values {
		errs = append(errs, each(values.Index(i), v, validation.IsValidLabelValue(v))...)
	}
	return errs
}

func validatePodAffinityTerm(t *corev1.PodAffinityTerm, path *field.Path) field.ErrorList {
	errs := validateSelector(t.GetLabelSelector(), path.Child("labelSelector"))
	errs = append(errs, validateSelector(t.GetNamespaceSelector(), path.Child("namespaceSelector"))...)
	for i, n := range t.GetNamespaces() {
		errs = append(errs, each(path.Child("namespaces").Index(i), n, labelName(n, false))...)
	}
	if t.GetTopologyKey() == "" {
		errs = append(errs, field.Required(path.Child("topologyKey"), "can not be empty"))
	} else {
		errs = append(errs, qualifiedName(path.Child("topologyKey"), t.GetTopologyKey())...)
	}
	errs = append(errs, validateLabelKeys(t.GetMatchLabelKeys(), t.GetLabelSelector(), path.Child("matchLabelKeys"))...)
	for i, k := range t.GetMismatchLabelKeys() {
		errs = append(errs, qualifiedName(path.Child("mismatchLabelKeys").Index(i), k)...)
	}
	for i, k := range t.GetMatchLabelKeys() {
		if slices.Contains(t.GetMismatchLabelKeys(), k) {
			errs = append(errs, field.Invalid(path.Child("matchLabelKeys").Index(i), k, "exists in both matchLabelKeys and mismatchLabelKeys"))
		}
	}
	if t.GetLabelSelector() == nil && len(t.GetMatchLabelKeys())+len(t.GetMismatchLabelKeys()) > 0 {
		errs = append(errs, field.Forbidden(path.Child("matchLabelKeys"), "must not be specified when labelSelector is not set"))
	}
	return errs
}

func validateTopologySpread(constraints []*corev1.TopologySpreadConstraint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[[2]string]bool{}
	for i, c := range constraints {
		at := path.Index(i)
		if c.MaxSkew <= 0 {
			errs = append(errs, field.Invalid(at.Child("maxSkew"), c.MaxSkew, "must be greater than zero"))
		}
		if c.TopologyKey == "" {
			errs = append(errs, field.Required(at.Child("topologyKey"), "can not be empty"))
		} else {
			errs = append(errs, qualifiedName(at.Child("topologyKey"), c.TopologyKey)...)
		}
		errs = append(errs, oneOf(at.Child("whenUnsatisfiable"), c.WhenUnsatisfiable, "DoNotSchedule", "ScheduleAnyway")...)
		id := [2]string{c.TopologyKey, c.WhenUnsatisfiable}
		if seen[id] {
			errs = append(errs, field.Duplicate(at.Child("{topologyKey, whenUnsatisfiable}"), c.TopologyKey+", "+c.WhenUnsatisfiable))
		}
		seen[id] = true
		if m := c.MinDomains; m != nil {
			if *m <= 0 {
				errs = append(errs, field.Invalid(at.Child("minDomains"), *m, "must be greater than zero"))
			}
			if c.WhenUnsatisfiable != "DoNotSchedule" {
				errs = append(errs, field.Invalid(at.Child("minDomains"), *m, "can only use minDomains if whenUnsatisfiable=DoNotSchedule"))
			}
		}
		if p := c.NodeAffinityPolicy; p != nil {
			errs = append(errs, oneOf(at.Child("nodeAffinityPolicy"), *p, "Honor", "Ignore")...)
		}
		if p := c.NodeTaintsPolicy; p != nil {
			errs = append(errs, oneOf(at.Child("nodeTaintsPolicy"), *p, "Honor", "Ignore")...)
		}
		errs = append(errs, validateLabelKeys(c.MatchLabelKeys, c.LabelSelector, at.Child("matchLabelKeys"))...)
		if c.LabelSelector == nil && len(c.MatchLabelKeys) > 0 {
			errs = append(errs, field.Forbidden(at.Child("matchLabelKeys"), "must not be specified when labelSelector is not set"))
		}
		errs = append(errs, validateSelector(c.LabelSelector, at.Child("labelSelector"))...)
	}
	return errs
}

// validateLabelKeys checks keys whose labels a selector shall require. On create they have been written into the selector
// already; one that is there twice was in it before.
func validateLabelKeys(keys []string, s *metav1.LabelSelector, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, k := range keys {
		errs = append(errs, qualifiedName(path.Index(i), k)...)
		n := 0
		if _, ok := s.GetMatchLabels()[k]; ok {
			n++
		}
		for _, r := range s.GetMatchExpressions() {
			if r.GetKey() == k {
				n++
			}
		}
		if n > 1 {
			errs = append(errs, field.Invalid(path.Index(i), k, "exists in both matchLabelKeys and labelSelector"))
		}
	}
	return errs
}
