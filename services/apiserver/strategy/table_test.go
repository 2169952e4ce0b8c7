package strategy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// ruleCase is an object made from a base by a merge patch in YAML, and what is wrong with it: each violation as
// its path, a space, and Kubernetes' word for it without "FieldValue".
type ruleCase struct {
	name, patch string
	want        []string
}

// build reads base, merges patch over it (null removes), and gives the object its defaults as a create would.
func build(t *testing.T, base, patch string) (kind.Object, Strategy) {
	t.Helper()
	doc := parse(t, base)
	doc, _ = merge(doc, parse(t, patch)).(map[string]any)
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	k := kind.ByAPIVersionKind(doc["apiVersion"].(string), doc["kind"].(string))
	o, err := manifest.FromJSON(k, b, true)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	s := For(k)
	s.Default(o)
	s.PrepareCreate(o)
	return o, s
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	doc := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

// merge is a JSON merge patch, but for one thing: the key "[0]" goes into the first element of a list.
func merge(into, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	if list, ok := into.([]any); ok {
		if first, ok := p["[0]"]; ok {
			list = slices.Clone(list)
			list[0] = merge(list[0], first)
			return list
		}
	}
	m, ok := into.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	for key, v := range p {
		if v == nil {
			delete(m, key)
			continue
		}
		m[key] = merge(m[key], v)
	}
	return m
}

func brief(violations []apierror.FieldViolation) []string {
	var out []string
	for _, v := range violations {
		out = append(out, v.Field+" "+strings.TrimPrefix(v.Reason, "FieldValue"))
	}
	slices.Sort(out)
	return out
}

// runCases validates each case and compares all violations, in any order.
func runCases(t *testing.T, base string, cases []ruleCase) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			o, s := build(t, base, c.patch)
			got := append(s.Validate(o), s.ValidateCreate(o)...)
			want := slices.Clone(c.want)
			slices.Sort(want)
			if !slices.Equal(brief(got), want) {
				t.Errorf("violations\n  got  %q\n  want %q\n  in words: %v", brief(got), want, got)
			}
			for _, v := range got {
				if v.Description == "" || strings.Contains(v.Description, "%!") {
					t.Errorf("%s has no good description: %q", v.Field, v.Description)
				}
			}
		})
	}
}

// runUpdates takes base as the old object and base with the patch as the new one.
func runUpdates(t *testing.T, base string, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			old, s := build(t, base, "{}")
			new, _ := build(t, base, c.patch)
			s.PrepareUpdate(new, old)
			got := brief(append(s.Validate(new), s.ValidateUpdate(new, old)...))
			want := slices.Clone(c.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("violations\n  got  %q\n  want %q", got, want)
			}
		})
	}
}

// runParts takes base as the old object, and writes the sub-resource of it as base with the patch has it.
func runParts(t *testing.T, subresource, base string, cases []ruleCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			old, s := build(t, base, "{}")
			wanted, _ := build(t, base, c.patch)
			part := s.Subresources[subresource]
			before := proto.Clone(old)
			new := part.Take(wanted, old)
			s.Default(new)
			s.PrepareUpdate(new, old)
			if !proto.Equal(old, before) {
				t.Error("the old object was changed")
			}
			if !proto.Equal(new.GetMetadata(), old.GetMetadata()) {
				t.Errorf("metadata changed: %v", new.GetMetadata())
			}
			got := brief(append(s.Validate(new), part.ValidateUpdate(new, old)...))
			want := slices.Clone(c.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("violations\n  got  %q\n  want %q", got, want)
			}
		})
	}
}
