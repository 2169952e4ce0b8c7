package equality

import (
	"encoding/json"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// rounds is how many random objects of each kind go through.
const rounds = 60

// binary is what Kubernetes' generated types do beside being objects.
type binary interface {
	runtime.Object
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// forEachKind runs a test with random objects of every kind.
func forEachKind(t *testing.T, run func(t *testing.T, k *kind.Kind, in, out binary)) {
	t.Helper()
	for _, k := range kind.All() {
		t.Run(k.String(), func(t *testing.T) {
			for seed := range int64(rounds) {
				in, err := goObject(k)
				if err != nil {
					t.Fatal(err)
				}
				out, err := goObject(k)
				if err != nil {
					t.Fatal(err)
				}
				if seed > 0 { // The first goes empty.
					newFiller(seed).Fill(in)
				}
				in.GetObjectKind().SetGroupVersionKind(out.GetObjectKind().GroupVersionKind())
				run(t, k, in.(binary), out.(binary))
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

// TestBinary sends Kubernetes' bytes through Kaji's messages: nothing may be unknown, lost or changed.
func TestBinary(t *testing.T) {
	forEachKind(t, func(t *testing.T, k *kind.Kind, in, out binary) {
		b, err := in.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		o := k.New()
		if err := proto.Unmarshal(b, o); err != nil {
			t.Fatal(err)
		}
		if unknown := o.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			t.Errorf("fields unknown to Kaji: %x", unknown)
		}
		back, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Unmarshal(back); err != nil {
			t.Fatal(err)
		}
		if !equality.Semantic.DeepEqual(in, out) {
			t.Errorf("changed on the way:\n%s", difference(in, out))
		}
	})
}

// TestJSON sends Kubernetes' JSON through Kaji's messages, and Kaji's JSON back.
func TestJSON(t *testing.T) {
	forEachKind(t, func(t *testing.T, k *kind.Kind, in, out binary) {
		b, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		o, err := manifest.FromJSON(k, b, true)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		back, err := manifest.ToJSON(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(back, out); err != nil {
			t.Fatal(err)
		}
		in.GetObjectKind().SetGroupVersionKind(out.GetObjectKind().GroupVersionKind())
		if !equality.Semantic.DeepEqual(in, out) {
			t.Errorf("changed on the way:\n%s", difference(in, out))
		}
	})
}

// TestFormsAgree reads one object from binary and from JSON: Kaji's messages must be the same.
func TestFormsAgree(t *testing.T) {
	forEachKind(t, func(t *testing.T, k *kind.Kind, in, _ binary) {
		b, err := in.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		fromBinary := k.New()
		if err := proto.Unmarshal(b, fromBinary); err != nil {
			t.Fatal(err)
		}
		j, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, err := manifest.FromJSON(k, j, true)
		if err != nil {
			t.Fatal(err)
		}
		one, err := manifest.ToJSON(fromBinary)
		if err != nil {
			t.Fatal(err)
		}
		other, err := manifest.ToJSON(fromJSON)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameJSON(one, other); err != nil {
			t.Error(err)
		}
	})
}

// sameJSON compares two documents, taking what is empty for what is not there.
func sameJSON(a, b []byte) error {
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		return err
	}
	if err := json.Unmarshal(b, &y); err != nil {
		return err
	}
	x, y = prune(x), prune(y)
	if !equality.Semantic.DeepEqual(x, y) {
		return fmt.Errorf("the forms disagree:\n%s", difference(x, y))
	}
	return nil
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			if p := prune(e); p == nil {
				delete(v, key)
			} else {
				v[key] = p
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = prune(v[i])
		}
	case string:
		if v == "" {
			return nil
		}
	case float64:
		if v == 0 {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// difference shows where the JSON of two values parts, with some of what stands around it.
func difference(a, b any) string {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	i := 0
	for i < len(x) && i < len(y) && x[i] == y[i] {
		i++
	}
	around := func(s []byte) []byte { return s[max(0, i-200):min(len(s), i+100)] }
	return fmt.Sprintf("before …%s…\nafter  …%s…", around(x), around(y))
}
