package selector

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// FuzzLabels reads any label selector. It prints as one that decides alike, as text and as a message.
func FuzzLabels(f *testing.F) {
	for _, seed := range []string{"", "a=b", "a==b,c!=d", "a in (x,y),!b", "a notin (x)", "a,b", "a>1,b<2", "a in ()", "a=,b in (,x)", " a = b ", "a=b,,", "(", "a in (x", "!"} {
		f.Add(seed, "a", "x")
	}
	f.Fuzz(func(t *testing.T, text, key, value string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		back, err := Parse(s.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is refused: %v", text, s, err)
		}
		sets := []labels.Set{nil, {key: value}, {"a": "b"}, {"a": "x", "b": "1"}, {"a": "2", "b": ""}}
		for _, set := range sets {
			if back.Matches(set) != s.Matches(set) {
				t.Fatalf("%q and %q differ on %v", text, s, set)
			}
		}
		m, err := ToMessage(s)
		if err != nil {
			return // gt and lt
		}
		other, err := FromMessage(m)
		if err != nil {
			t.Fatalf("%q is the message %v, which is refused: %v", text, m, err)
		}
		for _, set := range sets {
			if other.Matches(set) != s.Matches(set) {
				t.Fatalf("%q and %v differ on %v", text, m, set)
			}
		}
	})
}

// FuzzFields reads any field selector and decides as Kubernetes does on the same fields.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"", "metadata.name=web", "metadata.name!=web,spec.nodeName==n", "status.phase=", `metadata.name=a\,b`, `metadata.name=a\=b\\`, "spec.nodeName", "=x", "metadata.name=a=b", "a.b=c", ",", "metadata.name!web",
	} {
		f.Add(seed, "web", "n")
	}
	allowed := []string{"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"}
	f.Fuzz(func(t *testing.T, text, name, node string) {
		ours, err := ParseFields(text, allowed)
		theirs, theirErr := fields.ParseSelector(text)
		if err != nil {
			if theirErr == nil && !slices.ContainsFunc(theirs.Requirements(), func(r fields.Requirement) bool { return !slices.Contains(allowed, r.Field) }) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if theirErr != nil {
			t.Fatalf("%q is taken, and Kubernetes says %v", text, theirErr)
		}
		pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: name}, Spec: &corev1.PodSpec{NodeName: node}, Status: &corev1.PodStatus{Phase: "Running"}}
		set := fields.Set{"metadata.name": name, "metadata.namespace": "", "spec.nodeName": node, "status.phase": "Running"}
		if got, want := ours.Matches(pod), theirs.Matches(set); got != want {
			t.Fatalf("%q on %v: %v, want %v", text, set, got, want)
		}
		if v, ok := ours.RequiresExact("metadata.name"); ok && ours.Matches(pod) && v != name {
			t.Fatalf("%q demands %q and matches %q", text, v, name)
		}
		if printed := theirs.String(); printed != "" {
			again, err := ParseFields(printed, allowed)
			if err != nil || again.Matches(pod) != ours.Matches(pod) {
				t.Fatalf("%q prints as %q: %v", text, printed, err)
			}
		}
		if ours.Empty() != (strings.Trim(text, ",") == "") && ours.Empty() != theirs.Empty() {
			t.Fatalf("%q: empty is %v", text, ours.Empty())
		}
	})
}
