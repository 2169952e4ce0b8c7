package conformance

import (
	"slices"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

func testPreconditions(t *testing.T, s *suite) {
	created := s.createMap(t, "a", nil)
	for name, p := range map[string]*metav1.Preconditions{
		"uid":             {Uid: proto.String("other")},
		"resourceVersion": {ResourceVersion: proto.String("1")},
	} {
		if err := s.maps.Delete(s.ctx, s.namespace, "a", &metav1.DeleteOptions{Preconditions: p}); !apierror.IsConflict(err) {
			t.Errorf("deletion with another %s: %v", name, err)
		}
	}
	right := &metav1.Preconditions{Uid: proto.String(created.GetMetadata().GetUid()), ResourceVersion: proto.String(created.GetMetadata().GetResourceVersion())}
	if err := s.maps.Delete(s.ctx, s.namespace, "a", &metav1.DeleteOptions{Preconditions: right}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.maps.Get(s.ctx, s.namespace, "a"); !apierror.IsNotFound(err) {
		t.Errorf("after deletion: %v", err)
	}
}

func testFinalizers(t *testing.T, s *suite) {
	m := s.newMap("a", nil)
	m.Metadata.Finalizers = []string{"kaji.dev/test"}
	must(s.maps.Create(s.ctx, m))(t)
	if err := s.maps.Delete(s.ctx, s.namespace, "a", nil); err != nil {
		t.Fatal(err)
	}
	held := must(s.maps.Get(s.ctx, s.namespace, "a"))(t)
	if held.GetMetadata().GetDeletionTimestamp() == nil {
		t.Error("an object with a finalizer is not marked as being deleted")
	}
	held.Metadata.Finalizers = nil
	must(s.maps.Update(s.ctx, held))(t)
	if _, err := s.maps.Get(s.ctx, s.namespace, "a"); !apierror.IsNotFound(err) {
		t.Errorf("after the last finalizer went: %v", err)
	}
}

// A garbage collector may act on what is left at any time.
func testPropagation(t *testing.T, s *suite) {
	for policy, finalizer := range map[string]string{"Foreground": "foregroundDeletion", "Orphan": "orphan", "Background": ""} {
		name := strings.ToLower(policy)
		s.createMap(t, name, nil)
		if err := s.maps.Delete(s.ctx, s.namespace, name, &metav1.DeleteOptions{PropagationPolicy: proto.String(policy)}); err != nil {
			t.Fatal(err)
		}
		left, err := s.maps.Get(s.ctx, s.namespace, name)
		switch {
		case apierror.IsNotFound(err):
		case err != nil:
			t.Error(err)
		case finalizer == "" || left.GetMetadata().GetDeletionTimestamp() == nil || !slices.Equal(left.GetMetadata().GetFinalizers(), []string{finalizer}):
			t.Errorf("%s left %v", policy, left)
		default:
			left.Metadata.Finalizers = nil
			if _, err := s.maps.Update(s.ctx, left); err != nil && !apierror.IsNotFound(err) && !apierror.IsConflict(err) {
				t.Error(err)
			}
		}
	}
}

func testDeleteInvalid(t *testing.T, s *suite) {
	s.createMap(t, "a", nil)
	for what, options := range map[string]*metav1.DeleteOptions{
		"an unknown policy": {PropagationPolicy: proto.String("Sideways")},
		"two policies":      {PropagationPolicy: proto.String("Orphan"), OrphanDependents: proto.Bool(true)},
		"a dry run of some": {DryRun: []string{"Some"}},
	} {
		if err := s.maps.Delete(s.ctx, s.namespace, "a", options); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.maps.Delete(s.ctx, s.namespace, "a", &metav1.DeleteOptions{DryRun: []string{"All"}}); err != nil {
		t.Error(err)
	}
	must(s.maps.Get(s.ctx, s.namespace, "a"))(t)
}

func testGracefulDeletion(t *testing.T, s *suite) {
	s.createPod(t, "pending")
	if err := s.pods.Delete(s.ctx, s.namespace, "pending", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pods.Get(s.ctx, s.namespace, "pending"); !apierror.IsNotFound(err) {
		t.Errorf("a pod on no node is held: %v", err)
	}

	pod := s.createPod(t, "bound")
	bound, err := s.api.BindPods(s.ctx, &corev1.BindPodsRequest{Bindings: []*corev1.PodBinding{
		{Namespace: s.namespace, Name: "bound", Uid: pod.GetMetadata().GetUid(), NodeName: "nowhere"},
		{Namespace: s.namespace, Name: "bound", NodeName: "elsewhere"},
		{Namespace: s.namespace, Name: "absent", NodeName: "nowhere"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r := bound.GetResults(); len(r) != 3 || r[0].GetCode() != 0 || r[1].GetCode() == 0 || r[2].GetCode() == 0 {
		t.Fatalf("bindings: %v", r)
	}
	if err := s.pods.Delete(s.ctx, s.namespace, "bound", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(7)}); err != nil {
		t.Fatal(err)
	}
	ending := must(s.pods.Get(s.ctx, s.namespace, "bound"))(t).GetMetadata()
	if ending.GetDeletionTimestamp() == nil || ending.GetDeletionGracePeriodSeconds() != 7 {
		t.Errorf("a bound pod is not ending gracefully: %v", ending)
	}
	if err := s.pods.Delete(s.ctx, s.namespace, "bound", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pods.Get(s.ctx, s.namespace, "bound"); !apierror.IsNotFound(err) {
		t.Errorf("after a deletion without grace: %v", err)
	}
}
