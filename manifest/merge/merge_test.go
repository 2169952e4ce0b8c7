package merge_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	corev1api "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/manifest/merge"
)

func parse(t *testing.T, text string) merge.Object {
	t.Helper()
	var o merge.Object
	if err := yaml.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestThreeWay(t *testing.T) {
	for name, c := range map[string]struct{ original, modified, current, want string }{
		"set, keep, remove": {
			"metadata: {labels: {a: '1', b: '2'}}",
			"metadata: {labels: {a: '9'}}",
			"metadata: {labels: {a: '1', b: '2', other: x}, uid: u}",
			"metadata: {labels: {a: '9', other: x}, uid: u}"},
		"null removes": {
			"", "spec: {paused: null}", "spec: {paused: true, replicas: 3}", "spec: {replicas: 3}"},
		"replicas set by others stay": {
			"spec: {minReadySeconds: 1}", "spec: {minReadySeconds: 2}", "spec: {minReadySeconds: 1, replicas: 7}", "spec: {minReadySeconds: 2, replicas: 7}"},
		"containers by name": {
			"spec: {template: {spec: {containers: [{name: a, image: x, tty: true}, {name: gone, image: y}]}}}",
			"spec: {template: {spec: {containers: [{name: new, image: n}, {name: a, image: z}]}}}",
			"spec: {template: {spec: {containers: [{name: injected, image: i}, {name: a, image: x, tty: true, imagePullPolicy: Always}, {name: gone, image: y}, {name: last, image: l}]}}}",
			"spec: {template: {spec: {containers: [{name: new, image: n}, {name: injected, image: i}, {name: a, image: z, imagePullPolicy: Always}, {name: last, image: l}]}}}"},
		"lists without a key are replaced": {
			"spec: {template: {spec: {containers: [{name: a, args: [x, y]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, args: [z]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, args: [x, y]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, args: [z]}]}}}"},
		"env by name": {
			"spec: {template: {spec: {containers: [{name: a, env: [{name: X, value: '1'}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, env: [{name: X, value: '2'}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, env: [{name: X, value: '1'}, {name: Y, value: '3'}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, env: [{name: X, value: '2'}, {name: Y, value: '3'}]}]}}}"},
		"ports of one number and two protocols": {
			"spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 53, name: t}, {containerPort: 53, protocol: UDP, name: u}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP}, {containerPort: 53, protocol: UDP}]}]}}}",
			"spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 53, protocol: TCP, name: t}, {containerPort: 53, protocol: UDP, name: u}]}]}}}"},
		"retainKeys of a volume": {
			"spec: {template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}",
			"spec: {template: {spec: {volumes: [{name: v, configMap: {name: c}}]}}}",
			"spec: {template: {spec: {volumes: [{name: v, emptyDir: {}}]}}}",
			"spec: {template: {spec: {volumes: [{name: v, configMap: {name: c}}]}}}"},
		"retainKeys also drops what others set": {
			"", "spec: {strategy: {type: Recreate}}",
			"spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}", "spec: {strategy: {type: Recreate}}"},
		"set of finalizers": {
			"metadata: {finalizers: [a, b]}", "metadata: {finalizers: [b, c]}", "metadata: {finalizers: [x, a, b]}", "metadata: {finalizers: [x, b, c]}"},
		"selector label of a service removed": {
			"spec: {selector: {matchLabels: {a: b, c: d}}}", "spec: {selector: {matchLabels: {a: b}}}",
			"spec: {selector: {matchLabels: {a: b, c: d}}}", "spec: {selector: {matchLabels: {a: b}}}"},
		"nothing declared before": {
			"", "metadata: {labels: {a: b}}", "metadata: {labels: {c: d}}", "metadata: {labels: {a: b, c: d}}"},
		"a value instead of an object": {
			"", "data: {a: {b: c, d: null}}", "data: x", "data: {a: {b: c}}"},
	} {
		t.Run(name, func(t *testing.T) {
			original, modified, current := parse(t, c.original), parse(t, c.modified), parse(t, c.current)
			before, _ := json.Marshal([]any{original, modified, current})
			got := merge.ThreeWay((&appsv1.Deployment{}).ProtoReflect().Descriptor(), original, modified, current)
			if want := parse(t, c.want); !reflect.DeepEqual(got, want) {
				g, _ := yaml.Marshal(got)
				t.Errorf("got\n%swant\n%s", g, c.want)
			}
			if after, _ := json.Marshal([]any{original, modified, current}); string(after) != string(before) {
				t.Errorf("arguments changed: %s", after)
			}
		})
	}
}

// podWith draws a pod's JSON out of a small world, so that draws overlap.
func podWith(t *rapid.T, label string) merge.Object {
	word := rapid.SampledFrom([]string{"a", "b", "c"})
	pick := func(o merge.Object, key string, value func() any) {
		if rapid.Bool().Draw(t, label+key) {
			o[key] = value()
		}
	}
	labels := func() any {
		m := merge.Object{}
		for k, v := range rapid.MapOfN(word, word, 0, 3).Draw(t, label) {
			m[k] = v
		}
		return m
	}
	named := func(n int, more func(merge.Object)) func() any {
		return func() any {
			out := []any{}
			for _, name := range rapid.SliceOfNDistinct(word, 0, n, rapid.ID[string]).Draw(t, label) {
				o := merge.Object{"name": name}
				more(o)
				out = append(out, o)
			}
			return out
		}
	}
	container := func(o merge.Object) {
		pick(o, "image", func() any { return word.Draw(t, label) })
		pick(o, "args", func() any { return []any{word.Draw(t, label)} })
		pick(o, "env", named(2, func(o merge.Object) { pick(o, "value", func() any { return word.Draw(t, label) }) }))
	}
	spec := merge.Object{}
	pick(spec, "containers", named(3, container))
	pick(spec, "nodeSelector", labels)
	pick(spec, "hostname", func() any { return word.Draw(t, label) })
	pick(spec, "tolerations", func() any { return []any{merge.Object{"key": word.Draw(t, label)}} })
	return merge.Object{"metadata": merge.Object{"labels": labels()}, "spec": spec}
}

// TestLikeKubernetes compares with Kubernetes' own three-way strategic merge, elements of lists in any order.
func TestLikeKubernetes(t *testing.T) {
	lookup, err := strategicpatch.NewPatchMetaFromStruct(corev1api.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		original, modified, current := podWith(t, "original"), podWith(t, "modified"), podWith(t, "current")
		text := func(v any) []byte {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		patch, err := strategicpatch.CreateThreeWayMergePatch(text(original), text(modified), text(current), lookup, true)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(text(current), patch, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(theirs, []byte(`"$`)) {
			// Kubernetes leaves directives in the object when the list they are for is not there.
			t.Skip()
		}
		var want any
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		got := merge.ThreeWay((&corev1.Pod{}).ProtoReflect().Descriptor(), original, modified, current)
		var same any
		if err := json.Unmarshal(text(got), &same); err != nil {
			t.Fatal(err)
		}
		if a, b := unordered(same), unordered(want); !reflect.DeepEqual(a, b) {
			t.Fatalf("original %s\nmodified %s\ncurrent  %s\ngot      %s\nwant     %s", text(original), text(modified), text(current), text(a), text(b))
		}
	})
}

// unordered turns lists of named objects into objects by name, and drops empty ones.
func unordered(v any) any {
	switch v := v.(type) {
	case merge.Object:
		out := merge.Object{}
		for key, value := range v {
			if value = unordered(value); value != nil {
				out[key] = value
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := merge.Object{}
		for _, item := range v {
			o, ok := item.(merge.Object)
			if !ok || o["name"] == nil {
				return v
			}
			out[o["name"].(string)] = unordered(o)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

func TestPatchTurnsOneIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := podWith(t, "from"), podWith(t, "to")
		patch := merge.Patch(from, to)
		got := merge.Apply(from, patch)
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(to)
		if string(a) != string(b) {
			t.Fatalf("%v applied to %v is %s, want %s", patch, from, a, b)
		}
		if again := merge.Patch(to, to); len(again) != 0 {
			t.Fatalf("patch of equals: %v", again)
		}
	})
}
