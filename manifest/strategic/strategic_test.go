package strategic_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1api "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/manifest/strategic"
)

var podDescriptor = (&corev1.Pod{}).ProtoReflect().Descriptor()

func parse(t *testing.T, text string) strategic.Object {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var o strategic.Object
	if err := d.Decode(&o); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return o
}

func TestApply(t *testing.T) {
	for name, c := range map[string]struct{ current, patch, want string }{
		"scalars and maps": {
			`{"metadata":{"labels":{"a":"1","b":"2"}},"spec":{"hostname":"x"}}`,
			`{"metadata":{"labels":{"a":null,"c":"3"}},"spec":{"hostname":"y"}}`,
			`{"metadata":{"labels":{"b":"2","c":"3"}},"spec":{"hostname":"y"}}`},
		"containers by name": {
			`{"spec":{"containers":[{"name":"a","image":"1","tty":true},{"name":"b","image":"1"}]}}`,
			`{"spec":{"containers":[{"name":"a","image":"2"}]}}`,
			`{"spec":{"containers":[{"name":"a","image":"2","tty":true},{"name":"b","image":"1"}]}}`},
		"ports by number": {
			`{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"x"}]}]}}`,
			`{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"y"},{"containerPort":81}]}]}}`,
			`{"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"name":"y"},{"containerPort":81}]}]}}`},
		"a list without a key is replaced": {
			`{"spec":{"tolerations":[{"key":"a"}]}}`, `{"spec":{"tolerations":[{"key":"b"}]}}`, `{"spec":{"tolerations":[{"key":"b"}]}}`},
		"an element is deleted": {
			`{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}`, `{"spec":{"containers":[{"name":"a","$patch":"delete"}]}}`, `{"spec":{"containers":[{"name":"b"}]}}`},
		"a list is replaced": {
			`{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}`, `{"spec":{"containers":[{"name":"c"},{"$patch":"replace"}]}}`, `{"spec":{"containers":[{"name":"c"}]}}`},
		"an object is replaced": {
			`{"spec":{"nodeSelector":{"a":"b"},"hostname":"x"}}`, `{"spec":{"nodeSelector":{"c":"d","$patch":"replace"}}}`, `{"spec":{"nodeSelector":{"c":"d"},"hostname":"x"}}`},
		"an object is emptied": {
			`{"spec":{"nodeSelector":{"a":"b"}}}`, `{"spec":{"nodeSelector":{"$patch":"delete"}}}`, `{"spec":{"nodeSelector":{}}}`},
		"keys are retained": {
			`{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}`,
			`{"spec":{"volumes":[{"name":"v","configMap":{"name":"c"},"$retainKeys":["name","configMap"]}]}}`,
			`{"spec":{"volumes":[{"name":"v","configMap":{"name":"c"}}]}}`},
		"finalizers are a set": {
			`{"metadata":{"finalizers":["a","b"]}}`, `{"metadata":{"finalizers":["b","c"]}}`, `{"metadata":{"finalizers":["a","b","c"]}}`},
		"finalizers are deleted": {
			`{"metadata":{"finalizers":["a","b"]}}`, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}`, `{"metadata":{"finalizers":["b"]}}`},
		"elements are put in order": {
			`{"spec":{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}}`,
			`{"spec":{"$setElementOrder/containers":[{"name":"c"},{"name":"a"}],"containers":[{"name":"c","tty":true}]}}`,
			`{"spec":{"containers":[{"name":"b"},{"name":"c","tty":true},{"name":"a"}]}}`},
		"what was not there comes without nulls and directives": {
			`{}`, `{"spec":{"hostname":null,"nodeSelector":{"a":"b","$patch":"merge"},"containers":[{"name":"a","image":null},{"name":"b","$patch":"delete"}]}}`,
			`{"spec":{"nodeSelector":{"a":"b"},"containers":[{"name":"a"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			current, patch := parse(t, c.current), parse(t, c.patch)
			got, err := strategic.Apply(podDescriptor, current, patch)
			if err != nil || !reflect.DeepEqual(got, parse(t, c.want)) {
				text, _ := json.Marshal(got)
				t.Errorf("got  %s, %v\nwant %s", text, err, c.want)
			}
			if !reflect.DeepEqual(current, parse(t, c.current)) || !reflect.DeepEqual(patch, parse(t, c.patch)) {
				t.Error("the arguments were changed")
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	current := `{"metadata":{"finalizers":["a"]},"spec":{"containers":[{"name":"a"}]}}`
	for name, patch := range map[string]string{
		"an element without a key":            `{"spec":{"containers":[{"image":"x"}]}}`,
		"an element that is no object":        `{"spec":{"containers":["x"]}}`,
		"a delete without a key":              `{"spec":{"containers":[{"$patch":"delete"}]}}`,
		"an unknown $patch":                   `{"spec":{"$patch":"explode"}}`,
		"an unknown $patch of an element":     `{"spec":{"containers":[{"name":"a","$patch":"merge"}]}}`,
		"an unknown directive":                `{"spec":{"$explode":true}}`,
		"$retainKeys that forgets a key":      `{"spec":{"$retainKeys":["containers"],"hostname":"x"}}`,
		"$retainKeys that is no list":         `{"spec":{"$retainKeys":"containers"}}`,
		"$setElementOrder that is no list":    `{"spec":{"$setElementOrder/containers":"a"}}`,
		"$deleteFromPrimitiveList of no list": `{"metadata":{"$deleteFromPrimitiveList/finalizers":"a"}}`,
	} {
		if got, err := strategic.Apply(podDescriptor, parse(t, current), parse(t, patch)); err == nil {
			t.Errorf("%s: became %v", name, got)
		}
	}
}

// drawObject draws the JSON of a pod, or of a patch of one, out of a small world, so that draws meet.
func drawObject(t *rapid.T, label string, patch bool) strategic.Object {
	word := rapid.SampledFrom([]string{"a", "b", "c", "d"})
	maybe := func(o strategic.Object, key string, value func() any) {
		if rapid.Bool().Draw(t, label+" has "+key) {
			o[key] = value()
		}
	}
	null := func(value func() any) func() any {
		return func() any {
			if patch && rapid.IntRange(0, 5).Draw(t, label+" null") == 0 {
				return nil
			}
			return value()
		}
	}
	text := null(func() any { return word.Draw(t, label) })
	labels := func() any {
		m := strategic.Object{}
		for _, k := range rapid.SliceOfDistinct(word, rapid.ID[string]).Draw(t, label) {
			m[k] = text()
		}
		return m
	}
	named := func(more func(strategic.Object)) func() any {
		return func() any {
			out := []any{}
			for _, name := range rapid.SliceOfDistinct(word, rapid.ID[string]).Draw(t, label) {
				o := strategic.Object{"name": name}
				if patch && rapid.IntRange(0, 4).Draw(t, label+" delete") == 0 {
					o["$patch"] = "delete"
				} else {
					more(o)
				}
				out = append(out, o)
			}
			if patch && rapid.IntRange(0, 6).Draw(t, label+" replace") == 0 {
				out = append(out, strategic.Object{"$patch": "replace"})
			}
			return out
		}
	}
	spec, meta := strategic.Object{}, strategic.Object{}
	maybe(spec, "containers", named(func(o strategic.Object) {
		maybe(o, "image", text)
		maybe(o, "args", func() any { return []any{word.Draw(t, label)} })
		maybe(o, "env", named(func(o strategic.Object) { maybe(o, "value", text) }))
	}))
	maybe(spec, "nodeSelector", null(labels))
	maybe(spec, "hostname", text)
	maybe(spec, "tolerations", func() any { return []any{strategic.Object{"key": word.Draw(t, label)}} })
	maybe(meta, "labels", null(labels))
	maybe(meta, "finalizers", func() any {
		out := []any{}
		for _, w := range rapid.SliceOfDistinct(word, rapid.ID[string]).Draw(t, label) {
			out = append(out, w)
		}
		return out
	})
	return strategic.Object{"metadata": meta, "spec": spec}
}

// Whatever is patched becomes what Kubernetes makes of it, in the same order.
func TestLikeKubernetes(t *testing.T) {
	lookup, err := strategicpatch.NewPatchMetaFromStruct(corev1api.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	text := func(t *rapid.T, v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	rapid.Check(t, func(t *rapid.T) {
		current, patch := drawObject(t, "current", false), drawObject(t, "patch", true)
		theirs, theirErr := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(text(t, current), text(t, patch), lookup)
		got, ourErr := strategic.Apply(podDescriptor, current, patch)
		if (theirErr == nil) != (ourErr == nil) {
			t.Fatalf("Kubernetes says %v, we say %v", theirErr, ourErr)
		}
		if ourErr != nil {
			return
		}
		var want, ours any
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text(t, got), &ours); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(theirs), `"$`) {
			t.Skip() // Kubernetes leaves directives in the object where there was nothing to act on
		}
		// It also leaves nulls, which mean the same as nothing.
		if want = withoutNulls(want); !reflect.DeepEqual(ours, want) {
			t.Fatalf("current %s\npatch   %s\ngot     %s\nwant    %s", text(t, current), text(t, patch), text(t, ours), text(t, want))
		}
	})
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case strategic.Object:
		for key, value := range v {
			if value == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}

// A patch of a few hundred kilobytes must not keep a processor for minutes.
func TestLongListsTakeNoTimeToSpeakOf(t *testing.T) {
	const n = 40_000
	names := func(prefix string) (scalars, objects []any) {
		for i := range n {
			name := prefix + strconv.Itoa(i)
			scalars, objects = append(scalars, name), append(objects, strategic.Object{"type": name})
		}
		return scalars, objects
	}
	have, haveObjects := names("a")
	more, moreObjects := names("b")
	node := (&corev1.Node{}).ProtoReflect().Descriptor()
	current := strategic.Object{"metadata": strategic.Object{"finalizers": have}, "status": strategic.Object{"conditions": haveObjects}}
	began := time.Now()
	for name, c := range map[string]struct {
		patch strategic.Object
		list  func(o strategic.Object) any
		want  int
	}{
		"scalars":        {strategic.Object{"metadata": strategic.Object{"finalizers": more}}, finalizers, 2 * n},
		"scalars again":  {strategic.Object{"metadata": strategic.Object{"finalizers": have}}, finalizers, n},
		"objects":        {strategic.Object{"status": strategic.Object{"conditions": moreObjects}}, conditions, 2 * n},
		"objects again":  {strategic.Object{"status": strategic.Object{"conditions": haveObjects}}, conditions, n},
		"an order":       {strategic.Object{"metadata": strategic.Object{"$setElementOrder/finalizers": more}}, finalizers, n},
		"scalars to go":  {strategic.Object{"metadata": strategic.Object{"$deleteFromPrimitiveList/finalizers": have}}, finalizers, 0},
		"keys to retain": {strategic.Object{"metadata": strategic.Object{"$retainKeys": append(slices.Clone(more), "finalizers")}}, finalizers, n},
	} {
		after, err := strategic.Apply(node, current, c.patch)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := len(c.list(after).([]any)); got != c.want {
			t.Errorf("%s: %d elements, want %d", name, got, c.want)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func finalizers(o strategic.Object) any { return o["metadata"].(strategic.Object)["finalizers"] }

func conditions(o strategic.Object) any { return o["status"].(strategic.Object)["conditions"] }
