package fake_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{"k": "v"}}
}

func TestScale(t *testing.T) {
	c := fake.New(&appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:     &appsv1.DeploymentSpec{Replicas: proto.Int32(3), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		Status:   &appsv1.DeploymentStatus{Replicas: 2},
	})
	service := appsv1.NewDeploymentServiceClient(c.Conn())
	scale, err := service.GetDeploymentScale(t.Context(), &metav1.GetRequest{Namespace: "default", Name: "web"})
	if err != nil || scale.GetSpec().GetReplicas() != 3 || scale.GetStatus().GetReplicas() != 2 || scale.GetStatus().GetSelector() != "app=web" {
		t.Fatalf("%v, %v", scale, err)
	}
	scale.Spec.Replicas = 7
	if _, err := service.UpdateDeploymentScale(t.Context(), &appsv1.UpdateDeploymentScaleRequest{Object: scale}); err != nil {
		t.Fatal(err)
	}
	d, err := client.Of[*appsv1.Deployment](c).Get(t.Context(), "default", "web")
	if err != nil || d.GetSpec().GetReplicas() != 7 || d.GetMetadata().GetGeneration() != 2 {
		t.Errorf("%v, %v", d, err)
	}
	if _, err := service.UpdateDeploymentScale(t.Context(), &appsv1.UpdateDeploymentScaleRequest{Object: scale}); !apierror.IsConflict(apierror.FromStatus(err)) {
		t.Errorf("an old scale: %v", err)
	}
	if _, err := service.UpdateDeploymentScale(t.Context(), &appsv1.UpdateDeploymentScaleRequest{Object: &autoscalingv1.Scale{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "none"}}}); !apierror.IsNotFound(apierror.FromStatus(err)) {
		t.Errorf("an absent one: %v", err)
	}
}

func TestResourceService(t *testing.T) {
	c := fake.New(configMap("a"))
	service := apiv1.NewResourceServiceClient(c.Conn())
	kinds, err := service.Discover(t.Context(), &apiv1.DiscoverRequest{})
	if err != nil || len(kinds.GetKinds()) != len(kind.All()) {
		t.Fatalf("%d kinds, %v", len(kinds.GetKinds()), err)
	}
	packed, err := anypb.New(configMap("b"))
	if err != nil {
		t.Fatal(err)
	}
	created, err := service.Create(t.Context(), &apiv1.ResourceServiceCreateRequest{Object: packed})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := created.UnmarshalNew(); err != nil || m.(*corev1.ConfigMap).GetMetadata().GetUid() == "" {
		t.Errorf("created %v, %v", m, err)
	}
	const configMaps = "kaji.core.v1.ConfigMap"
	list, err := service.List(t.Context(), &apiv1.ResourceServiceListRequest{Type: configMaps, Request: &metav1.ListRequest{Namespace: "default"}})
	if err != nil || len(list.GetItems()) != 2 || list.GetMetadata().GetResourceVersion() == "" {
		t.Errorf("list %v, %v", list, err)
	}
	if _, err := service.Delete(t.Context(), &apiv1.ResourceServiceDeleteRequest{Type: configMaps, Request: &metav1.DeleteRequest{Namespace: "default", Name: "a"}}); err != nil {
		t.Error(err)
	}
	if _, err := service.Get(t.Context(), &apiv1.ResourceServiceGetRequest{Type: configMaps, Request: &metav1.GetRequest{Namespace: "default", Name: "a"}}); !apierror.IsNotFound(apierror.FromStatus(err)) {
		t.Errorf("after the deletion: %v", err)
	}
	if _, err := service.Get(t.Context(), &apiv1.ResourceServiceGetRequest{Type: "kaji.core.v1.Nothing"}); apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonBadRequest {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestCompactionExpires(t *testing.T) {
	server := fake.NewServer(configMap("a"), configMap("b"))
	maps := client.Of[*corev1.ConfigMap](server.Client())
	_, first, err := maps.List(t.Context(), "default", &metav1.ListOptions{Limit: 1})
	if err != nil || first.GetContinue() == "" || first.GetRemainingItemCount() != 1 {
		t.Fatalf("%v, %v", first, err)
	}
	if _, err := maps.Create(t.Context(), configMap("c")); err != nil {
		t.Fatal(err)
	}
	server.Compact()
	if _, _, err := maps.List(t.Context(), "default", &metav1.ListOptions{Limit: 1, Continue: first.GetContinue()}); !apierror.IsExpired(err) {
		t.Errorf("an old page: %v", err)
	}
	w, err := maps.Watch(t.Context(), "default", &metav1.ListOptions{ResourceVersion: first.GetResourceVersion()})
	if err == nil {
		_, err = w.Recv()
	}
	if !apierror.IsExpired(err) {
		t.Errorf("a watch from an old revision: %v", err)
	}
}

func TestInterceptors(t *testing.T) {
	server := fake.NewServer(configMap("a"))
	var calls []string
	server.Intercept(func(_ context.Context, c fake.Call) error {
		calls = append(calls, c.Verb.String()+" "+c.Kind.String()+" "+c.Namespace+"/"+c.Name)
		if c.Verb == metav1.Verb_VERB_DELETE {
			return apierror.Forbidden("no")
		}
		return nil
	})
	maps := client.Of[*corev1.ConfigMap](server.Client())
	if err := maps.Delete(t.Context(), "default", "a", nil); !apierror.IsForbidden(err) {
		t.Errorf("an intercepted call: %v", err)
	}
	if _, err := maps.Get(t.Context(), "default", "a"); err != nil {
		t.Errorf("deleted all the same: %v", err)
	}
	want := []string{"VERB_DELETE configmaps.core default/a", "VERB_GET configmaps.core default/a"}
	if len(calls) != 2 || calls[0] != want[0] || calls[1] != want[1] {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

func TestTerminatingNamespaceTakesNothing(t *testing.T) {
	c := fake.New()
	namespaces := client.Of[*corev1.Namespace](c)
	if _, err := namespaces.Create(t.Context(), &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "default"}}); err != nil {
		t.Fatal(err)
	}
	if err := namespaces.Delete(t.Context(), "", "default", nil); err != nil {
		t.Fatal(err)
	}
	ns, err := namespaces.Get(t.Context(), "", "default")
	if err != nil || ns.GetStatus().GetPhase() != "Terminating" {
		t.Fatalf("%v, %v", ns, err)
	}
	if _, err := client.Of[*corev1.ConfigMap](c).Create(t.Context(), configMap("a")); !apierror.IsForbidden(err) {
		t.Errorf("created: %v", err)
	}
	ns.Spec.Finalizers = nil
	if _, err := namespaces.Update(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	if _, err := namespaces.Get(t.Context(), "", "default"); !apierror.IsNotFound(err) {
		t.Errorf("after the finalizer went: %v", err)
	}
}
