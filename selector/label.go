// Package selector turns selectors of the API into predicates.
//
// It owns the meaning of LabelSelector messages, of the text forms of label and field selectors, and of the paths
// that field selectors name. It refuses selectors that Kubernetes refuses. All functions may be called concurrently;
// the selectors they return are immutable.
package selector

import (
	"fmt"
	"slices"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// FromMessage reads a LabelSelector. A nil one matches nothing and an empty one everything, as in Kubernetes.
func FromMessage(m *metav1.LabelSelector) (labels.Selector, error) {
	if m == nil {
		return labels.Nothing(), nil
	}
	if len(m.GetMatchLabels())+len(m.GetMatchExpressions()) == 0 {
		return labels.Everything(), nil
	}
	var requirements labels.Requirements
	for key, value := range m.GetMatchLabels() {
		r, err := labels.NewRequirement(key, selection.Equals, []string{value})
		if err != nil {
			return nil, fmt.Errorf("matchLabels: %w", err)
		}
		requirements = append(requirements, *r)
	}
	for i, expression := range m.GetMatchExpressions() {
		operator, ok := operators[expression.GetOperator()]
		if !ok {
			return nil, fmt.Errorf("matchExpressions[%d]: %q is not a valid label selector operator", i, expression.GetOperator())
		}
		r, err := labels.NewRequirement(expression.GetKey(), operator, slices.Clone(expression.GetValues()))
		if err != nil {
			return nil, fmt.Errorf("matchExpressions[%d]: %w", i, err)
		}
		requirements = append(requirements, *r)
	}
	return labels.NewSelector().Add(requirements...), nil
}

var operators = map[string]selection.Operator{
	"In":           selection.In,
	"NotIn":        selection.NotIn,
	"Exists":       selection.Exists,
	"DoesNotExist": selection.DoesNotExist,
}

// ToMessage writes a selector as a LabelSelector. It refuses the comparisons that LabelSelector has no word for (gt, lt).
func ToMessage(s labels.Selector) (*metav1.LabelSelector, error) {
	requirements, selectable := s.Requirements()
	if !selectable {
		return nil, nil
	}
	m := &metav1.LabelSelector{}
	for _, r := range requirements {
		expression := &metav1.LabelSelectorRequirement{Key: r.Key(), Values: slices.Sorted(slices.Values(r.Values().UnsortedList()))}
		switch r.Operator() {
		case selection.Equals, selection.DoubleEquals:
			if m.MatchLabels == nil {
				m.MatchLabels = map[string]string{}
			}
			if _, twice := m.MatchLabels[r.Key()]; !twice {
				m.MatchLabels[r.Key()] = expression.Values[0]
				continue
			}
			expression.Operator = "In"
		case selection.In:
			expression.Operator = "In"
		case selection.NotIn, selection.NotEquals:
			expression.Operator = "NotIn"
		case selection.Exists:
			expression.Operator = "Exists"
		case selection.DoesNotExist:
			expression.Operator = "DoesNotExist"
		default:
			return nil, fmt.Errorf("operator %q of key %q has no form in a LabelSelector", r.Operator(), r.Key())
		}
		m.MatchExpressions = append(m.MatchExpressions, expression)
	}
	return m, nil
}

// Parse reads the text form that ListOptions.label_selector and `-l` take: "app=web,tier in (a,b),!canary".
// Empty text matches everything.
func Parse(text string) (labels.Selector, error) {
	return labels.Parse(text)
}
