package apiserver_test

import (
	"context"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Data: data}
}

func TestCreateGetUpdateDelete(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())

	made, err := maps.Create(ctx, configMap("a", map[string]string{"k": "v"}))
	if err != nil {
		t.Fatal(err)
	}
	m := made.GetMetadata()
	if m.GetUid() == "" || m.GetResourceVersion() == "" || m.GetCreationTimestamp() == nil {
		t.Errorf("created without uid, resourceVersion or creationTimestamp: %v", m)
	}
	if _, err := maps.Create(ctx, configMap("a", nil)); !apierror.IsAlreadyExists(err) {
		t.Errorf("second create: %v, want already exists", err)
	}
	got, err := maps.Get(ctx, "default", "a")
	if err != nil || got.GetData()["k"] != "v" || got.GetMetadata().GetResourceVersion() != m.GetResourceVersion() {
		t.Errorf("Get = %v, %v", got, err)
	}
	got.Data["k"] = "w"
	updated, err := maps.Update(ctx, got)
	if err != nil || updated.GetMetadata().GetResourceVersion() == m.GetResourceVersion() {
		t.Fatalf("Update = %v, %v", updated, err)
	}
	if _, err := maps.Update(ctx, got); !apierror.IsConflict(err) {
		t.Errorf("update of an old version: %v, want conflict", err)
	}
	if err := maps.Delete(ctx, "default", "a", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Get(ctx, "default", "a"); !apierror.IsNotFound(err) {
		t.Errorf("get after delete: %v, want not found", err)
	}
}
