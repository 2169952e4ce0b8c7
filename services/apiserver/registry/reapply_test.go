package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestReappliesAreBounded(t *testing.T) {
	var m reapplies
	digest := func(i int) (d [sha256.Size]byte) {
		binary.BigEndian.PutUint64(d[:], uint64(i))
		return d
	}
	m.put(digest(0), reapply{revision: 7})
	for i := 1; i < 10*maxReapplies; i++ {
		m.put(digest(i), reapply{revision: int64(i)})
		if a, ok := m.get(digest(0)); !ok || a.revision != 7 {
			t.Fatalf("after %d others, one that is asked for again and again: %v, %v", i, a, ok)
		}
	}
	if n := len(m.recent) + len(m.old); n > 2*maxReapplies {
		t.Errorf("%d are remembered", n)
	}
	if _, ok := m.get(digest(1)); ok {
		t.Error("one that nobody asks for is still remembered")
	}
}

func TestApplyDigestTellsApart(t *testing.T) {
	request := func(change func(*metav1.ApplyRequest)) *metav1.ApplyRequest {
		r := &metav1.ApplyRequest{Namespace: "a", Name: "b", Patch: []byte("c"), Options: &metav1.ApplyOptions{FieldManager: "m"}}
		change(r)
		return r
	}
	same := func(*metav1.ApplyRequest) {}
	first, err := applyDigest("alice", request(same))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := applyDigest("alice", request(same)); again != first {
		t.Error("the same has another digest")
	}
	if other, _ := applyDigest("bob", request(same)); other == first {
		t.Error("another caller has the same digest")
	}
	for name, change := range map[string]func(*metav1.ApplyRequest){
		"namespace": func(r *metav1.ApplyRequest) { r.Namespace = "x" },
		"name":      func(r *metav1.ApplyRequest) { r.Name = "x" },
		"patch":     func(r *metav1.ApplyRequest) { r.Patch = []byte("x") },
		"force":     func(r *metav1.ApplyRequest) { r.Options.Force = true },
		"manager":   func(r *metav1.ApplyRequest) { r.Options.FieldManager = "x" },
		"dry run":   func(r *metav1.ApplyRequest) { r.Options.DryRun = []string{"All"} },
	} {
		if other, _ := applyDigest("alice", request(change)); other == first {
			t.Errorf("another %s has the same digest", name)
		}
	}
}
