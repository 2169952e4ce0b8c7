package apiserver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// What may not be deleted stays, is told of, and keeps nothing else.
func TestACollectionIsDeletedAsFarAsItMay(t *testing.T) {
	s := apitest.Start(t, nil)
	namespaces := client.Of[*corev1.Namespace](s.Client())
	for i := range 3 {
		name := fmt.Sprintf("team-%d", i)
		check(namespaces.Create(t.Context(), &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: name}}))(t)
	}
	err := namespaces.DeleteCollection(t.Context(), "", nil, nil)
	if !apierror.IsForbidden(err) || !strings.Contains(err.Error(), "more of 7 could not be deleted") {
		t.Errorf("deleting the system's namespaces: %v", err)
	}
	list, _, err := namespaces.List(t.Context(), "", nil)
	if err != nil || len(list) != 7 {
		t.Fatalf("%d namespaces, %v", len(list), err)
	}
	for _, n := range list {
		ends := n.GetMetadata().GetDeletionTimestamp() != nil
		if ours := strings.HasPrefix(n.GetMetadata().GetName(), "team-"); ends != ours {
			t.Errorf("%s is being deleted: %v", n.GetMetadata().GetName(), ends)
		}
	}
}

// Each pod has its own time to end, and the field selector says which are meant.
func TestPodsOfACollectionEndGracefully(t *testing.T) {
	s := apitest.Start(t, nil)
	pods := client.Of[*corev1.Pod](s.Client())
	for _, name := range []string{"bound", "other", "waiting"} {
		check(pods.Create(t.Context(), newPod(name)))(t)
	}
	bind(t, s, "bound", "n1")
	bind(t, s, "other", "n2")
	if err := pods.DeleteCollection(t.Context(), "default", nil, &metav1.ListOptions{FieldSelector: "spec.nodeName!=n2"}); err != nil {
		t.Fatal(err)
	}
	list, _, err := pods.List(t.Context(), "default", nil)
	if err != nil || !slices.Equal(namesOf(list), []string{"bound", "other"}) {
		t.Fatalf("there are %q, %v", namesOf(list), err)
	}
	if m := list[0].GetMetadata(); m.GetDeletionTimestamp() == nil || m.GetDeletionGracePeriodSeconds() != 30 {
		t.Errorf("the bound pod: %v", m)
	}
	if m := list[1].GetMetadata(); m.GetDeletionTimestamp() != nil {
		t.Errorf("the pod that was not meant: %v", m)
	}
}

// A collection larger than the workers take at once goes whole, while others write and delete in it.
func TestACollectionGoesWhileOthersWrite(t *testing.T) {
	s := apitest.Start(t, nil)
	maps := client.Of[*corev1.ConfigMap](s.Client())
	for i := range 60 {
		m := configMap(fmt.Sprintf("m-%02d", i), nil)
		m.Metadata.Labels = map[string]string{"age": "old"}
		check(maps.Create(t.Context(), m))(t)
	}
	done := make(chan error, 2)
	go func() { // keeps the odd ones by taking their label, or finds them gone
		for i := 1; i < 60; i += 2 {
			_, err := maps.Patch(t.Context(), "default", fmt.Sprintf("m-%02d", i), metav1.PatchType_PATCH_TYPE_MERGE,
				[]byte(`{"metadata":{"labels":{"age":"young"}}}`), "")
			if err != nil && !apierror.IsNotFound(err) {
				done <- err
				return
			}
		}
		done <- nil
	}()
	go func() {
		done <- maps.DeleteCollection(t.Context(), "default", nil, &metav1.ListOptions{LabelSelector: "age=old"})
	}()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	list, _, err := maps.List(t.Context(), "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.GetMetadata().GetLabels()["age"] != "young" {
			t.Errorf("%s stayed: %v", m.GetMetadata().GetName(), m.GetMetadata().GetLabels())
		}
	}
}
