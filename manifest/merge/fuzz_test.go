package merge_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	"kaji.dev/kaji/manifest/merge"
)

// fuzzed reads an object of a fuzzer; nil for what is none.
func fuzzed(text []byte) merge.Object {
	var o merge.Object
	if json.Unmarshal(text, &o) != nil {
		return nil
	}
	return o
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzMergePatch applies any merge patch to any object as RFC 7386 has it, and finds the way from one to the other.
func FuzzMergePatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":"b"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"a":null}`}, {`{"a":["b"]}`, `{"a":"c"}`}, {`{"e":null}`, `{"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`}, {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`}, {`{"a":{}}`, `{"a":[1,{"b":null}]}`},
		{`{"metadata":{"labels":{"a":"1"}},"spec":{"replicas":1}}`, `{"metadata":{"labels":null},"spec":{"replicas":1e0}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		from, change := fuzzed(target), fuzzed(patch)
		if from == nil || change == nil {
			return
		}
		before := asJSON(t, []any{from, change})
		got := merge.Apply(from, change)
		if after := asJSON(t, []any{from, change}); !bytes.Equal(before, after) {
			t.Fatalf("arguments changed: %s", after)
		}
		// json-patch drops null members of objects in lists that replace what was not there; RFC 7386 takes lists as they are.
		if text, err := jsonpatch.MergePatch(asJSON(t, from), asJSON(t, change)); err == nil && !nullInList(change, false) {
			if want := fuzzed(text); !reflect.DeepEqual(any(fuzzed(asJSON(t, got))), any(want)) {
				t.Fatalf("got %s, want %s", asJSON(t, got), text)
			}
		}
		to, _ := got.(merge.Object)
		if hasNull(from) || hasNull(to) {
			return // no merge patch can set a null
		}
		back := merge.Patch(from, to)
		if again := merge.Apply(from, back); !reflect.DeepEqual(asJSON(t, again), asJSON(t, to)) {
			t.Fatalf("%s makes %s of %s, not %s", asJSON(t, back), asJSON(t, again), asJSON(t, from), asJSON(t, to))
		}
	})
}

// nullInList looks for objects within lists that have null members.
func nullInList(v any, inList bool) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return nullInList(e, true) })
	case merge.Object:
		for _, e := range v {
			if e == nil && inList || nullInList(e, inList) {
				return true
			}
		}
	}
	return false
}

// hasNull looks for null members of objects; in lists they are values like others.
func hasNull(v any) bool {
	o, ok := v.(merge.Object)
	if !ok {
		return false
	}
	for _, e := range o {
		if e == nil || hasNull(e) {
			return true
		}
	}
	return false
}

// FuzzThreeWay merges any three objects. What is declared is there afterwards, and a second time changes nothing.
func FuzzThreeWay(f *testing.F) {
	f.Add([]byte(`{}`), []byte(`{"spec":{"replicas":3}}`), []byte(`{"spec":{"replicas":1,"paused":true}}`))
	f.Add([]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}}}`),
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"x"},{"name":"a"}]}}}}`),
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c"},{"name":"b"},{"x":1}]}}}}`))
	f.Add([]byte(`{"metadata":{"finalizers":["a"]}}`), []byte(`{"metadata":{"finalizers":["b","b",null]}}`), []byte(`{"metadata":{"finalizers":["a","c"]}}`))
	f.Add([]byte(`{"spec":{"strategy":{"rollingUpdate":{}}}}`), []byte(`{"spec":{"strategy":{"type":"Recreate"}}}`), []byte(`{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}`))
	f.Add([]byte(`null`), []byte(`{"spec":null,"x":[{}]}`), []byte(`{"spec":[],"x":{"y":1}}`))
	d := (&appsv1.Deployment{}).ProtoReflect().Descriptor()
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		original, modified, current := fuzzed(a), fuzzed(b), fuzzed(c)
		if modified == nil || current == nil {
			return
		}
		before := asJSON(t, []any{original, modified, current})
		got := merge.ThreeWay(d, original, modified, current)
		if after := asJSON(t, []any{original, modified, current}); !bytes.Equal(before, after) {
			t.Fatalf("arguments changed: %s", after)
		}
		for key, value := range modified {
			have, ok := got[key]
			switch value.(type) {
			case nil:
				if ok {
					t.Fatalf("%s is declared to be gone, and is %s", key, asJSON(t, have))
				}
			case merge.Object, []any:
				if !ok {
					t.Fatalf("%s is declared and gone", key)
				}
			default:
				if !reflect.DeepEqual(have, value) {
					t.Fatalf("%s is declared as %v and is %v", key, value, have)
				}
			}
		}
		if again := merge.ThreeWay(d, modified, modified, got); !bytes.Equal(asJSON(t, again), asJSON(t, got)) {
			t.Fatalf("once %s\ntwice %s", asJSON(t, got), asJSON(t, again))
		}
	})
}
