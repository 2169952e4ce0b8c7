package strategic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	corev1api "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"kaji.dev/kaji/manifest/strategic"
)

// FuzzApply applies any patch to any object. Without directives the result is Kubernetes', where that has one.
func FuzzApply(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"spec":{"containers":[{"name":"a","image":"1"},{"name":"b"}]}}`, `{"spec":{"containers":[{"name":"a","image":"2"},{"name":"c"}]}}`},
		{`{"spec":{"containers":[{"name":"a"}]}}`, `{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"$patch":"delete","name":"a"},{"name":"b"}]}}`},
		{`{"metadata":{"finalizers":["a","b"]}}`, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"],"finalizers":["c"]}}`},
		{`{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}`, `{"spec":{"volumes":[{"$retainKeys":["name","hostPath"],"name":"v","hostPath":{"path":"/"}}]}}`},
		{`{"metadata":{"labels":{"a":"b"}}}`, `{"metadata":{"labels":{"$patch":"replace","c":"d"}},"spec":null}`},
		{`{"spec":{"tolerations":[{"key":"a"}]}}`, `{"spec":{"tolerations":[{"key":"b"}],"nodeSelector":{"x":null}}}`},
		{`{"spec":{"containers":"x"}}`, `{"spec":{"containers":[{"name":1},{"name":null},5]}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	lookup, err := strategicpatch.NewPatchMetaFromStruct(corev1api.Pod{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target, change []byte) {
		var current, patch strategic.Object
		if json.Unmarshal(target, &current) != nil || json.Unmarshal(change, &patch) != nil || current == nil || patch == nil {
			return
		}
		text := func(v any) []byte {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		before := text([]any{current, patch})
		got, err := strategic.Apply(podDescriptor, current, patch)
		if after := text([]any{current, patch}); !bytes.Equal(before, after) {
			t.Fatalf("arguments changed: %s", after)
		}
		if err != nil || bytes.Contains(before, []byte(`"$`)) {
			return
		}
		theirs, err := kubernetes(text(current), text(patch), lookup)
		if err != nil || bytes.Contains(theirs, []byte("null")) {
			return
		}
		var want, ours any
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text(got), &ours); err != nil {
			t.Fatal(err)
		}
		if want = withoutNulls(want); !reflect.DeepEqual(withoutNulls(ours), want) {
			t.Fatalf("current %s\npatch   %s\ngot     %s\nwant    %s", text(current), text(patch), text(ours), text(want))
		}
	})
}

// kubernetes is Kubernetes' own merge, whose panics are its own.
func kubernetes(current, patch []byte, lookup strategicpatch.LookupPatchMeta) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panics: %v", p)
		}
	}()
	return strategicpatch.StrategicMergePatchUsingLookupPatchMeta(current, patch, lookup)
}
