package conformance

import (
	"fmt"
	"slices"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func testSelectors(t *testing.T, s *suite) {
	s.createMap(t, "a", map[string]string{"tier": "front", "env": "prod"})
	s.createMap(t, "b", map[string]string{"tier": "back", "env": "prod"})
	s.createMap(t, "c", nil)
	for _, tc := range []struct {
		labels, fields string
		want           []string
	}{
		{labels: "tier=front", want: []string{"a"}},
		{labels: "env=prod", want: []string{"a", "b"}},
		{labels: "tier in (front,back),env!=test", want: []string{"a", "b"}},
		{labels: "!tier", want: []string{"c"}},
		{fields: "metadata.name=b", want: []string{"b"}},
		{fields: "metadata.name!=b", labels: "env", want: []string{"a"}},
	} {
		items, _, err := s.maps.List(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: tc.labels, FieldSelector: tc.fields})
		if err != nil {
			t.Errorf("%q %q: %v", tc.labels, tc.fields, err)
			continue
		}
		// A controller may keep maps of its own in every namespace.
		items = slices.DeleteFunc(items, func(m *corev1.ConfigMap) bool { return len(m.GetMetadata().GetName()) > 1 })
		if got := names(items); !slices.Equal(got, tc.want) {
			t.Errorf("%q %q: %v, want %v", tc.labels, tc.fields, got, tc.want)
		}
	}
}

func testPages(t *testing.T, s *suite) {
	label := map[string]string{"page": "yes"}
	var want []string
	for i := range 7 {
		name := fmt.Sprintf("m%d", i)
		s.createMap(t, name, label)
		want = append(want, name)
	}
	options := &metav1.ListOptions{LabelSelector: "page=yes", Limit: 3}
	var got []string
	var revision string
	for page := 0; ; page++ {
		items, meta, err := s.maps.List(s.ctx, s.namespace, options)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, names(items)...)
		if page == 0 {
			revision = meta.GetResourceVersion()
			// What happens after the first page is in none of the others.
			s.createMap(t, "m3-late", label)
			if err := s.maps.Delete(s.ctx, s.namespace, "m6", nil); err != nil {
				t.Fatal(err)
			}
		}
		if meta.GetResourceVersion() != revision {
			t.Errorf("page %d is of revision %s, the first of %s", page, meta.GetResourceVersion(), revision)
		}
		if meta.GetContinue() == "" {
			break
		}
		if len(items) != 3 {
			t.Errorf("page %d has %d items", page, len(items))
		}
		options = &metav1.ListOptions{LabelSelector: "page=yes", Limit: 3, Continue: meta.GetContinue()}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages hold %v, want %v", got, want)
	}
}

func names(items []*corev1.ConfigMap) []string {
	var names []string
	for _, m := range items {
		names = append(names, m.GetMetadata().GetName())
	}
	return names
}
