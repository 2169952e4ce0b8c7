package framework

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestResourcesOf(t *testing.T) {
	got := ResourcesOf(map[string]*metav1.Quantity{
		"cpu": {String_: "1500m"}, "memory": {String_: "1Gi"}, "ephemeral-storage": {String_: "2k"}, "pods": {String_: "110"},
		"example.com/gpu": {String_: "2"}, "hugepages-2Mi": {String_: "4Mi"}, "example.com/none": {String_: "0"},
	})
	want := Resources{MilliCPU: 1500, Memory: 1 << 30, EphemeralStorage: 2000, Pods: 110,
		Scalars: map[string]int64{"example.com/gpu": 2, "hugepages-2Mi": 4 << 20}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func drawResources(t *rapid.T) Resources {
	r := Resources{MilliCPU: rapid.Int64Range(0, 9).Draw(t, "cpu"), Memory: rapid.Int64Range(0, 9).Draw(t, "memory")}
	for _, name := range []string{"a", "b"} {
		if n := rapid.Int64Range(0, 3).Draw(t, name); n > 0 {
			r.addScalar(name, n)
		}
	}
	return r
}

func TestResourceArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawResources(t), drawResources(t)
		before, other := a.Clone(), b.Clone()
		a.Add(&b)
		a.Sub(&b)
		if !reflect.DeepEqual(a, before) {
			t.Fatalf("adding %+v and taking it away gives %+v of %+v", b, a, before)
		}
		m := a.Clone()
		m.Max(&b)
		if less(&m, &a) || less(&m, &b) || m.MilliCPU != max(a.MilliCPU, b.MilliCPU) {
			t.Fatalf("the greater of %+v and %+v is not %+v", a, b, m)
		}
		if m.Memory != max(a.Memory, b.Memory) || m.Scalars["a"] != max(a.Scalars["a"], b.Scalars["a"]) {
			t.Fatalf("the greater of %+v and %+v is not %+v", a, b, m)
		}
		if !reflect.DeepEqual(a, before) || !reflect.DeepEqual(b, other) {
			t.Fatal("a clone shares something with what it was made of")
		}
		if less(&a, &b) && equalResources(&a, &b) {
			t.Fatalf("%+v is both less than and equal to %+v", a, b)
		}
	})
}
