package conformance

import (
	"context"
	"strings"
	"testing"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
)

// ofTheSDK tests what is no verb of the API but the SDK's on top of it.
func ofTheSDK() []test {
	return []test{
		{"informer", testInformer},
		{"informer waits for a write", testWaitFor},
		{"scale", testScale},
		{"discovery", testDiscovery},
		{"warnings", testWarnings},
		{"batch", testBatch},
		{"batch until an error", testBatchUntilError},
		{"batch of many", testBatchOfMany},
	}
}

func testInformer(t *testing.T, s *suite) {
	s.createMap(t, "a", map[string]string{"i": "yes"})
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](s.options.Client), client.InformerOptions{Namespace: s.namespace, LabelSelector: "i=yes"})
	events := make(chan string, 10)
	informer.AddHandler(client.Handler[*corev1.ConfigMap]{
		OnAdd:    func(m *corev1.ConfigMap) { events <- "add " + m.GetMetadata().GetName() },
		OnUpdate: func(_, m *corev1.ConfigMap) { events <- "update " + m.GetMetadata().GetName() },
		OnDelete: func(m *corev1.ConfigMap) { events <- "delete " + m.GetMetadata().GetName() },
	})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() { done <- informer.Run(ctx) }()
	want := func(event string) {
		t.Helper()
		select {
		case got := <-events:
			if got != event {
				t.Fatalf("%q, want %q", got, event)
			}
		case <-s.ctx.Done():
			t.Fatalf("no %q", event)
		}
	}
	if err := informer.WaitSynced(s.ctx); err != nil {
		t.Fatal(err)
	}
	want("add a")
	m := s.createMap(t, "b", map[string]string{"i": "yes"})
	want("add b")
	m.Data["key"] = "changed"
	must(s.maps.Update(s.ctx, m))(t)
	want("update b")
	if got, ok := informer.Get(s.namespace, "b"); !ok || got.GetData()["key"] != "changed" {
		t.Errorf("the cache holds %v", got)
	}
	if err := s.maps.Delete(s.ctx, s.namespace, "a", nil); err != nil {
		t.Fatal(err)
	}
	want("delete a")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func testWaitFor(t *testing.T, s *suite) {
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](s.options.Client), client.InformerOptions{Namespace: s.namespace})
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- informer.Run(ctx) }()
	for _, name := range []string{"a", "b", "c"} {
		stored := s.createMap(t, name, nil)
		if err := informer.WaitForObject(s.ctx, stored); err != nil {
			t.Fatal(err)
		}
		if seen, ok := informer.Get(s.namespace, name); !ok || !proto.Equal(seen, stored) {
			t.Errorf("after waiting for %v the cache holds %v", stored, seen)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func testScale(t *testing.T, s *suite) {
	deployments := client.Of[*appsv1.Deployment](s.options.Client)
	labels := map[string]string{"app": "web"}
	created := must(deployments.Create(s.ctx, &appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: s.namespace, Name: "web"},
		Spec: &appsv1.DeploymentSpec{
			Replicas: proto.Int32(0), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: &corev1.PodTemplateSpec{
				Metadata: &metav1.ObjectMeta{Labels: labels},
				Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "registry.example/image:1"}}},
			},
		},
	}))(t)
	scale := must(deployments.GetScale(s.ctx, s.namespace, "web"))(t)
	if scale.GetSpec().GetReplicas() != 0 || scale.GetStatus().GetSelector() != "app=web" || scale.GetMetadata().GetUid() != created.GetMetadata().GetUid() {
		t.Errorf("the scale is %v", scale)
	}
	if got := must(deployments.ScaleTo(s.ctx, s.namespace, "web", 3))(t); got.GetSpec().GetReplicas() != 3 {
		t.Errorf("scaled to %v", got)
	}
	if got := must(deployments.Get(s.ctx, s.namespace, "web"))(t); got.GetSpec().GetReplicas() != 3 {
		t.Errorf("the deployment wants %v", got.GetSpec().GetReplicas())
	}
	// The scale that was read is not the newest any more.
	if _, err := deployments.UpdateScale(s.ctx, scale); !apierror.IsConflict(err) {
		t.Errorf("an old scale: %v", err)
	}
	if _, err := client.Of[*corev1.ConfigMap](s.options.Client).GetScale(s.ctx, s.namespace, "a"); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("the scale of what has none: %v", err)
	}
}

func testDiscovery(t *testing.T, s *suite) {
	d := client.NewDiscovery(s.options.Client)
	kinds := must(d.Kinds(s.ctx))(t)
	if len(kinds) != len(kind.All()) {
		t.Errorf("%d kinds of %d", len(kinds), len(kind.All()))
	}
	for _, word := range []string{"deploy", "Deployment", "deployments.apps", "apps/v1/Deployment", "kaji.apps.v1.Deployment"} {
		if k, err := d.Lookup(s.ctx, word); err != nil || k.GetType() != "kaji.apps.v1.Deployment" {
			t.Errorf("%s is %v, %v", word, k.GetType(), err)
		}
	}
	if _, err := d.Lookup(s.ctx, "deploymint"); !apierror.IsNotFound(err) {
		t.Errorf("what is no kind: %v", err)
	}
}

// There are no Windows nodes: the server takes a pod for one, and says so.
func testWarnings(t *testing.T, s *suite) {
	var warned []string
	ctx := client.WithWarnings(s.ctx, func(text string) { warned = append(warned, text) })
	pods := client.Of[*corev1.Pod](s.options.Client)
	for name, want := range map[string]int{"": 0, "windows": 1} {
		warned = nil
		pod := &corev1.Pod{
			Metadata: &metav1.ObjectMeta{Namespace: s.namespace, GenerateName: "pod-"},
			Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "registry.example/image:1"}}},
		}
		if name != "" {
			pod.Spec.Os = &corev1.PodOS{Name: name}
		}
		must(pods.Create(ctx, pod))(t)
		if len(warned) != want || want > 0 && !strings.Contains(warned[0], "spec.os.name") {
			t.Errorf("os %q: warned of %q", name, warned)
		}
	}
}
