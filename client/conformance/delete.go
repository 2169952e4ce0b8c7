package conformance

import (
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

	s.createMap(t, "b", nil)
	if err := s.maps.Delete(s.ctx, s.namespace, "b", &metav1.DeleteOptions{PropagationPolicy: proto.String("Foreground")}); err != nil {
		t.Fatal(err)
	}
	// A garbage collector may have finished it already.
	waiting, err := s.maps.Get(s.ctx, s.namespace, "b")
	if err == nil && (waiting.GetMetadata().GetDeletionTimestamp() == nil || len(waiting.GetMetadata().GetFinalizers()) != 1 || waiting.GetMetadata().GetFinalizers()[0] != "foregroundDeletion") {
		t.Errorf("foreground deletion left %v", waiting)
	} else if err != nil && !apierror.IsNotFound(err) {
		t.Error(err)
	}
	if err == nil {
		waiting.Metadata.Finalizers = nil
		if _, err := s.maps.Update(s.ctx, waiting); err != nil && !apierror.IsNotFound(err) && !apierror.IsConflict(err) {
			t.Error(err)
		}
	}
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
	bound, err := corev1.NewPodServiceClient(s.client.Conn()).BindPods(s.ctx, &corev1.BindPodsRequest{Bindings: []*corev1.PodBinding{
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
