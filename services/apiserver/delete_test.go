package apiserver_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func bind(t *testing.T, s *apitest.Server, name, node string) {
	t.Helper()
	resp, err := corev1.NewPodServiceClient(s.Client().Conn()).BindPods(context.Background(), &corev1.BindPodsRequest{
		Bindings: []*corev1.PodBinding{{Namespace: "default", Name: name, NodeName: node}},
	})
	if err != nil || resp.GetResults()[0].GetCode() != 0 {
		t.Fatalf("bind: %v, %v", resp, err)
	}
}

func TestPodsEndGracefully(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	get := func(name string) *corev1.Pod {
		t.Helper()
		return check(pods.Get(ctx, "default", name))(t)
	}
	gone := func(name string) {
		t.Helper()
		if _, err := pods.Get(ctx, "default", name); !apierror.IsNotFound(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	remove := func(name string, grace *int64) {
		t.Helper()
		if err := pods.Delete(ctx, "default", name, &metav1.DeleteOptions{GracePeriodSeconds: grace}); err != nil {
			t.Fatal(err)
		}
	}

	check(pods.Create(ctx, newPod("unscheduled")))(t)
	remove("unscheduled", nil)
	gone("unscheduled")

	check(pods.Create(ctx, newPod("bound")))(t)
	bind(t, s, "bound", "n1")
	before := get("bound").GetMetadata()
	remove("bound", nil)
	m := get("bound").GetMetadata()
	if m.GetDeletionTimestamp() == nil || m.GetDeletionGracePeriodSeconds() != 30 || m.GetGeneration() != before.GetGeneration()+1 {
		t.Errorf("after a delete: %v", m)
	}
	remove("bound", proto.Int64(60)) // cannot be put off
	if got := get("bound").GetMetadata(); !proto.Equal(got, m) {
		t.Errorf("a longer grace changed %v to %v", m, got)
	}
	remove("bound", proto.Int64(10))
	got := get("bound").GetMetadata()
	if got.GetDeletionGracePeriodSeconds() != 10 || got.GetDeletionTimestamp().GetSeconds() != m.GetDeletionTimestamp().GetSeconds()-20 {
		t.Errorf("a shorter grace changed %v to %v", m, got)
	}
	remove("bound", proto.Int64(0))
	gone("bound")

	check(pods.Create(ctx, newPod("ended")))(t)
	bind(t, s, "ended", "n1")
	p := get("ended")
	p.Status.Phase = "Succeeded"
	check(pods.UpdateStatus(ctx, p))(t)
	remove("ended", nil)
	gone("ended")

	// A finalizer outlives the grace.
	held := newPod("held")
	held.Metadata.Finalizers = []string{"kaji.dev/hold"}
	check(pods.Create(ctx, held))(t)
	remove("held", proto.Int64(0))
	p = get("held")
	p.Metadata.Finalizers = append(p.Metadata.Finalizers, "kaji.dev/late")
	if _, err := pods.Update(ctx, p); !apierror.IsInvalid(err) {
		t.Errorf("a finalizer was added to a pod that ends: %v", err)
	}
	p.Metadata.Finalizers = nil
	check(pods.Update(ctx, p))(t)
	gone("held")
}

func TestPropagation(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	for policy, want := range map[string]string{"Foreground": "foregroundDeletion", "Orphan": "orphan"} {
		check(deployments.Create(ctx, newDeployment("web", 1)))(t)
		if err := deployments.Delete(ctx, "default", "web", &metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
			t.Fatal(err)
		}
		d := check(deployments.Get(ctx, "default", "web"))(t)
		if !slices.Equal(d.GetMetadata().GetFinalizers(), []string{want}) || d.GetMetadata().GetDeletionTimestamp() == nil {
			t.Errorf("%s: %v", policy, d.GetMetadata())
		}
		// Background takes the other policies' finalizers off, and with them the last reason to stay.
		if err := deployments.Delete(ctx, "default", "web", &metav1.DeleteOptions{PropagationPolicy: proto.String("Background")}); err != nil {
			t.Fatal(err)
		}
		if _, err := deployments.Get(ctx, "default", "web"); !apierror.IsNotFound(err) {
			t.Errorf("after Background: %v", err)
		}
	}
	if err := deployments.Delete(ctx, "default", "web", &metav1.DeleteOptions{PropagationPolicy: proto.String("Sideways")}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("an unknown policy: %v", err)
	}
}

func TestNamespacesEmptyFirst(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	namespaces, maps := client.Of[*corev1.Namespace](s.Client()), client.Of[*corev1.ConfigMap](s.Client())
	list, _, err := namespaces.List(ctx, "", nil)
	if err != nil || len(list) != 4 {
		t.Fatalf("%d namespaces at the start, %v", len(list), err)
	}
	if err := namespaces.Delete(ctx, "", "kube-system", nil); !apierror.IsForbidden(err) {
		t.Errorf("kube-system can be deleted: %v", err)
	}
	in := configMap("a", nil)
	in.Metadata.Namespace = "team"
	if _, err := maps.Create(ctx, in); !apierror.IsNotFound(err) {
		t.Errorf("create in no namespace: %v", err)
	}
	ns := check(namespaces.Create(ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "team"}}))(t)
	if ns.GetStatus().GetPhase() != "Active" || !slices.Equal(ns.GetSpec().GetFinalizers(), []string{"kubernetes"}) {
		t.Errorf("a new namespace: %v", ns)
	}
	check(maps.Create(ctx, in))(t)
	if err := namespaces.Delete(ctx, "", "team", nil); err != nil {
		t.Fatal(err)
	}
	ns = check(namespaces.Get(ctx, "", "team"))(t)
	if ns.GetStatus().GetPhase() != "Terminating" || ns.GetMetadata().GetDeletionTimestamp() == nil {
		t.Errorf("a namespace that ends: %v", ns)
	}
	in.Metadata.Name = "b"
	if _, err := maps.Create(ctx, in); !apierror.IsForbidden(err) {
		t.Errorf("create in a namespace that ends: %v", err)
	}
	ns.Spec.Finalizers = nil
	check(namespaces.Update(ctx, ns))(t)
	if _, err := namespaces.Get(ctx, "", "team"); !apierror.IsNotFound(err) {
		t.Errorf("after its finalizer went: %v", err)
	}
}

// Nothing comes into a namespace once it has begun to go, however close the race.
func TestNoCreateOvertakesTheEndOfItsNamespace(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	namespaces, maps := client.Of[*corev1.Namespace](s.Client()), client.Of[*corev1.ConfigMap](s.Client())
	check(namespaces.Create(ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "team"}}))(t)
	const writers = 8
	newest, begun := make(chan int64, writers), make(chan struct{}, writers)
	for range writers {
		go func() {
			last := int64(0)
			for i := 0; ; i++ {
				m, err := maps.Create(ctx, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "team", GenerateName: "m-"}})
				if i == 10 {
					begun <- struct{}{}
				}
				if err != nil {
					if !apierror.IsForbidden(err) {
						t.Errorf("create: %v", err)
					}
					newest <- last
					return
				}
				last = version(t, m.GetMetadata().GetResourceVersion())
			}
		}()
	}
	for range writers {
		<-begun
	}
	if err := namespaces.Delete(ctx, "", "team", nil); err != nil {
		t.Fatal(err)
	}
	end := version(t, check(namespaces.Get(ctx, "", "team"))(t).GetMetadata().GetResourceVersion())
	for range writers {
		if last := <-newest; last > end {
			t.Errorf("an object was created at %d, the namespace began to go at %d", last, end)
		}
	}
}
