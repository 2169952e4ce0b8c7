package framework

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/selector"
)

// AffinityTerm is one term of a pod's affinity to other pods, with its selectors compiled.
type AffinityTerm struct {
	// Namespaces are those named, or the pod's own when neither names nor a selector are given.
	Namespaces []string
	// NamespaceSelector picks more of them by label; nil for none.
	NamespaceSelector labels.Selector
	Selector          labels.Selector
	TopologyKey       string
}

// WeightedAffinityTerm is a preferred term with its weight, 1 to 100.
type WeightedAffinityTerm struct {
	AffinityTerm
	Weight int32
}

// NamespaceLabels returns the labels of a namespace; nil when it is unknown.
type NamespaceLabels func(namespace string) labels.Set

// Matches tells whether the term is about the pod.
func (t *AffinityTerm) Matches(p *PodInfo, namespaces NamespaceLabels) bool {
	if !slices.Contains(t.Namespaces, p.Namespace) {
		if t.NamespaceSelector == nil || namespaces == nil || !t.NamespaceSelector.Matches(namespaces(p.Namespace)) {
			return false
		}
	}
	return t.Selector.Matches(p.Labels)
}

func affinityTerms(p *PodInfo, terms []*corev1.PodAffinityTerm) []AffinityTerm {
	out := make([]AffinityTerm, 0, len(terms))
	for _, t := range terms {
		out = append(out, newAffinityTerm(p, t))
	}
	return out
}

func weightedTerms(p *PodInfo, terms []*corev1.WeightedPodAffinityTerm) []WeightedAffinityTerm {
	out := make([]WeightedAffinityTerm, 0, len(terms))
	for _, t := range terms {
		out = append(out, WeightedAffinityTerm{AffinityTerm: newAffinityTerm(p, t.GetPodAffinityTerm()), Weight: t.GetWeight()})
	}
	return out
}

func newAffinityTerm(p *PodInfo, t *corev1.PodAffinityTerm) AffinityTerm {
	out := AffinityTerm{
		Namespaces:  t.GetNamespaces(),
		TopologyKey: t.GetTopologyKey(),
		Selector:    CompileSelector(t.GetLabelSelector()),
	}
	if t.GetNamespaceSelector() != nil {
		out.NamespaceSelector = CompileSelector(t.GetNamespaceSelector())
	} else if len(out.Namespaces) == 0 {
		out.Namespaces = []string{p.Namespace}
	}
	out.Selector = RequireOwnLabels(out.Selector, p.Labels, t.GetMatchLabelKeys(), selection.In)
	out.Selector = RequireOwnLabels(out.Selector, p.Labels, t.GetMismatchLabelKeys(), selection.NotIn)
	return out
}

// CompileSelector compiles a label selector. A malformed one, which the API server lets nobody store, selects nothing.
func CompileSelector(s *metav1.LabelSelector) labels.Selector {
	compiled, err := selector.FromMessage(s)
	if err != nil {
		return labels.Nothing()
	}
	return compiled
}

// RequireOwnLabels narrows a selector to pods that have the same (In) or other (NotIn) values of the keys than the labels have.
// Keys that the labels lack are left out, as matchLabelKeys and mismatchLabelKeys are defined.
func RequireOwnLabels(s labels.Selector, own labels.Set, keys []string, op selection.Operator) labels.Selector {
	for _, key := range keys {
		value, ok := own[key]
		if !ok {
			continue
		}
		if r, err := labels.NewRequirement(key, op, []string{value}); err == nil {
			s = s.Add(*r)
		}
	}
	return s
}
