package selector

import (
	"testing"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
)

func TestFromMessage(t *testing.T) {
	expr := func(key, op string, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []*metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}}
	}
	for _, tc := range []struct {
		name   string
		m      *metav1.LabelSelector
		labels labels.Set
		match  bool
		bad    bool
	}{
		{name: "nil matches nothing", m: nil, labels: labels.Set{"a": "b"}},
		{name: "empty matches all", m: &metav1.LabelSelector{}, labels: labels.Set{"a": "b"}, match: true},
		{name: "label", m: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, labels: labels.Set{"a": "b"}, match: true},
		{name: "label differs", m: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}, labels: labels.Set{"a": "c"}},
		{name: "in", m: expr("a", "In", "x", "y"), labels: labels.Set{"a": "y"}, match: true},
		{name: "notin with absent key", m: expr("a", "NotIn", "x"), labels: nil, match: true},
		{name: "exists", m: expr("a", "Exists"), labels: labels.Set{"a": ""}, match: true},
		{name: "does not exist", m: expr("a", "DoesNotExist"), labels: labels.Set{"a": ""}},
		{name: "bad operator", m: expr("a", "Like", "x"), bad: true},
		{name: "in without values", m: expr("a", "In"), bad: true},
		{name: "bad key", m: &metav1.LabelSelector{MatchLabels: map[string]string{"a b": "c"}}, bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := FromMessage(tc.m)
			if (err != nil) != tc.bad {
				t.Fatalf("error %v, want one: %v", err, tc.bad)
			}
			if !tc.bad && s.Matches(tc.labels) != tc.match {
				t.Errorf("%v on %v: not %v", s, tc.labels, tc.match)
			}
		})
	}
}

// A selector written as a message and read back decides alike on any labels.
func TestMessageRoundTrip(t *testing.T) {
	key := rapid.SampledFrom([]string{"a", "b", "c"})
	value := rapid.SampledFrom([]string{"x", "y", "z"})
	rapid.Check(t, func(t *rapid.T) {
		m := &metav1.LabelSelector{MatchLabels: rapid.MapOfN(key, value, 0, 2).Draw(t, "labels")}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			r := &metav1.LabelSelectorRequirement{Key: key.Draw(t, "key"), Operator: rapid.SampledFrom([]string{"In", "NotIn", "Exists", "DoesNotExist"}).Draw(t, "op")}
			if r.Operator == "In" || r.Operator == "NotIn" {
				r.Values = rapid.SliceOfNDistinct(value, 1, 3, rapid.ID).Draw(t, "values")
			}
			m.MatchExpressions = append(m.MatchExpressions, r)
		}
		first, err := FromMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		written, err := ToMessage(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := FromMessage(written)
		if err != nil {
			t.Fatal(err)
		}
		third, err := Parse(first.String())
		if err != nil {
			t.Fatal(err)
		}
		set := labels.Set(rapid.MapOf(key, value).Draw(t, "set"))
		if want := first.Matches(set); second.Matches(set) != want || third.Matches(set) != want {
			t.Fatalf("%v, %v and %v differ on %v", first, second, third, set)
		}
	})
}
