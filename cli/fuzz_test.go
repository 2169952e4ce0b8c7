package cli

import (
	"io"
	"slices"
	"strings"
	"testing"

	"kaji.dev/kaji/kind"
)

// FuzzPath reads any JSONPath and follows it through a pod.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"{.metadata.name}", ".items[*].spec", "metadata.labels['a/b']", "{.spec.containers[0:2].image}", "{range .items[*]}{.a}{\"\\n\"}{end}",
		"{..name}", "{.spec.containers[?(@.name==\"a\")].image}", "{.spec.containers[-1]}", "{", "{.[", "{range}", "{end}", "{.a[1:2:0]}", "[99999999999999999999]",
	} {
		f.Add(seed)
	}
	const pod = `{"kind":"Pod","metadata":{"name":"a","labels":{"a/b":"c"}},"spec":{"containers":[{"name":"a","image":"i","ports":[{"containerPort":80}]},{"name":"b"}],"x":null,"y":1.5}}`
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePath(text)
		if err != nil {
			return
		}
		a, err := pathText(p, []byte(pod))
		if err != nil {
			return
		}
		if p, err = parsePath(text); err != nil {
			t.Fatalf("%q is taken once: %v", text, err)
		}
		// .. and * go through the fields of an object in no order, as with kubectl: the same is found, not in the same order.
		if b, err := pathText(p, []byte(pod)); err != nil || !slices.Equal(slices.Sorted(slices.Values([]byte(a))), slices.Sorted(slices.Values([]byte(b)))) {
			t.Fatalf("%q finds %q, then %q, %v", text, a, b, err)
		}
		_ = writeColumns(io.Discard, "A:"+text, [][]byte{[]byte(pod)})
	})
}

// FuzzField reads any path to a field, as explain takes it. One that leads somewhere prints as one that leads there.
func FuzzField(f *testing.F) {
	for _, seed := range []string{"pods", "pod.spec.containers[0].image", "deploy.spec.template.spec.containers.ports", "deployments.apps.spec", "pod.", ".", "pod.spec.containers[", "pod..spec", "rs.spec[*].x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, path, err := splitField(text)
		if err != nil {
			return
		}
		m, field, err := follow(k, path)
		if err != nil {
			return
		}
		var b strings.Builder
		writeExplanation(&b, k, m, field, false)
		names := []string{k.String()}
		for _, name := range path {
			name, _, _ = strings.Cut(name, "[")
			names = append(names, name)
		}
		again, rest, err := splitField(strings.Join(names, "."))
		if err != nil || again != k {
			t.Fatalf("%q is %s %v, which reads as %v, %v", text, k, path, again, err)
		}
		if other, _, err := follow(again, rest); err != nil || other != m {
			t.Fatalf("%q leads elsewhere: %v", text, err)
		}
		for _, word := range completeField(text) {
			if !strings.HasPrefix(word, text) {
				t.Fatalf("%q completes to %q", text, word)
			}
		}
	})
}

// FuzzKinds reads any word for a kind. Its full name means the same.
func FuzzKinds(f *testing.F) {
	for _, seed := range []string{"po", "pods", "Pod", "deploy/web", "deployments.apps", "deployments.v1.apps", "", "/", "no", "PODS"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k := kind.Lookup(text)
		if k == nil {
			return
		}
		if again := kind.Lookup(k.String()); again != k {
			t.Fatalf("%q is %s, which reads as %v", text, k, again)
		}
	})
}
