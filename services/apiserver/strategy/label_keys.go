package strategy

import (
	"slices"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// requireLabelKeys writes what matchLabelKeys and mismatchLabelKeys stand for into the selectors beside them: the labels
// that the pod has when it is created. What its labels become later changes nothing.
//
// An update may come from a manifest, which does not have what was written: it is written again, where it lacks.
// On create nothing can have been written before, and what is there already is found by validation to be there twice.
func requireLabelKeys(p *corev1.Pod, labels map[string]string, update bool) {
	w := labelKeys{labels, update}
	affinity := p.GetSpec().GetAffinity()
	for _, t := range affinity.GetPodAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution() {
		w.term(t)
	}
	for _, t := range affinity.GetPodAffinity().GetPreferredDuringSchedulingIgnoredDuringExecution() {
		w.term(t.GetPodAffinityTerm())
	}
	for _, t := range affinity.GetPodAntiAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution() {
		w.term(t)
	}
	for _, t := range affinity.GetPodAntiAffinity().GetPreferredDuringSchedulingIgnoredDuringExecution() {
		w.term(t.GetPodAffinityTerm())
	}
	for _, c := range p.GetSpec().GetTopologySpreadConstraints() {
		w.require(c.GetLabelSelector(), c.GetMatchLabelKeys(), "In")
	}
}

// labelKeys writes the labels of a pod into selectors.
type labelKeys struct {
	labels map[string]string
	update bool
}

func (w labelKeys) term(t *corev1.PodAffinityTerm) {
	w.require(t.GetLabelSelector(), t.GetMatchLabelKeys(), "In")
	w.require(t.GetLabelSelector(), t.GetMismatchLabelKeys(), "NotIn")
}

// require adds to a selector what the pod's labels say of keys. No selector matches nothing, and stays none.
func (w labelKeys) require(s *metav1.LabelSelector, keys []string, operator string) {
	if s == nil {
		return
	}
	for _, key := range keys {
		value, ok := w.labels[key]
		if !ok {
			continue
		}
		r := &metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}}
		same := func(have *metav1.LabelSelectorRequirement) bool { return proto.Equal(have, r) }
		if !w.update || !slices.ContainsFunc(s.MatchExpressions, same) {
			s.MatchExpressions = append(s.MatchExpressions, r)
		}
	}
}
