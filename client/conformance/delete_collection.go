package conformance

import (
	"slices"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

func testDeleteCollection(t *testing.T, s *suite) {
	old := map[string]string{"age": "old"}
	for _, name := range []string{"a", "b", "c", "d"} {
		s.createMap(t, name, old)
	}
	s.createMap(t, "young", nil)
	held := s.newMap("held", old)
	held.Metadata.Finalizers = []string{"kaji.dev/test"}
	must(s.maps.Create(s.ctx, held))(t)
	other := &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: s.newNamespace(t), Name: "a", Labels: old}}
	must(s.maps.Create(s.ctx, other))(t)
	names := func() []string {
		t.Helper()
		items, _, err := s.maps.List(s.ctx, s.namespace, nil)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]string, len(items))
		for i, m := range items {
			out[i] = m.GetMetadata().GetName()
		}
		// The controllers of a cluster put it into every namespace.
		return slices.DeleteFunc(out, func(name string) bool { return name == "kube-root-ca.crt" })
	}
	remains := func(after string, want ...string) {
		t.Helper()
		got := names()
		if !slices.Equal(got, want) {
			t.Errorf("after %s there are %q, want %q", after, got, want)
		}
	}
	selected := &metav1.ListOptions{LabelSelector: "age=old"}

	uid := &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String("x")}}
	if _, err := s.maps.DeleteCollection(s.ctx, s.namespace, uid, selected); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("with a precondition: %v", err)
	}
	if _, err := s.maps.DeleteCollection(s.ctx, s.namespace, nil, &metav1.ListOptions{LabelSelector: "=("}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("with a selector that is none: %v", err)
	}
	if _, err := s.maps.DeleteCollection(s.ctx, s.namespace, &metav1.DeleteOptions{DryRun: []string{"All"}}, selected); err != nil {
		t.Fatal(err)
	}
	remains("a dry run", "a", "b", "c", "d", "held", "young")

	paged := &metav1.ListOptions{LabelSelector: "age=old", Limit: 2}
	st := must(s.maps.DeleteCollection(s.ctx, s.namespace, nil, paged))(t)
	if st != nil && (st.GetStatus() != "Success" || st.GetDetails().GetKind() != "configmaps" || st.GetMetadata().GetContinue() == "") {
		t.Errorf("the answer to a limited deletion is %v", st)
	}
	remains("a limited deletion", "c", "d", "held", "young")

	if _, err := s.maps.DeleteCollection(s.ctx, s.namespace, nil, selected); err != nil {
		t.Fatal(err)
	}
	remains("the deletion", "held", "young")
	waiting := must(s.maps.Get(s.ctx, s.namespace, "held"))(t)
	if waiting.GetMetadata().GetDeletionTimestamp() == nil {
		t.Error("an object with a finalizer is not marked as being deleted")
	}
	waiting.Metadata.Finalizers = nil
	must(s.maps.Update(s.ctx, waiting))(t)
	if _, err := s.maps.DeleteCollection(s.ctx, s.namespace, nil, nil); err != nil {
		t.Fatal(err)
	}
	if len(names()) != 0 {
		t.Errorf("after the deletion of all there are %q", names())
	}
	must(s.maps.Get(s.ctx, other.GetMetadata().GetNamespace(), "a"))(t)
}
