package apiserver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func newPod(name string) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "main", Image: "registry.test/web:1"}}},
	}
}

func newDeployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: &appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: &corev1.PodTemplateSpec{Metadata: &metav1.ObjectMeta{Labels: labels}, Spec: newPod("").Spec},
		},
	}
}

// check returns a function that unwraps a result or ends the test.
func check[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	api := corev1.NewConfigMapServiceClient(s.Client().Conn())
	all := []string{"All"}
	before := check(api.ListConfigMaps(ctx, &metav1.ListRequest{}))(t).GetMetadata().GetResourceVersion()

	made := check(api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: configMap("a", nil), Options: &metav1.CreateOptions{DryRun: all}}))(t)
	if made.GetMetadata().GetUid() == "" || made.GetMetadata().GetResourceVersion() != "" {
		t.Errorf("a dry create answers %v", made.GetMetadata())
	}
	if now := check(api.ListConfigMaps(ctx, &metav1.ListRequest{}))(t).GetMetadata().GetResourceVersion(); now != before {
		t.Errorf("the store went from %s to %s", before, now)
	}
	if _, err := api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: configMap("a", nil), Options: &metav1.CreateOptions{DryRun: []string{"Some"}}}); apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonBadRequest {
		t.Errorf("dryRun=Some: %v", err)
	}

	real := check(api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: configMap("a", nil)}))(t)
	if _, err := api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: configMap("a", nil), Options: &metav1.CreateOptions{DryRun: all}}); !apierror.IsAlreadyExists(apierror.FromStatus(err)) {
		t.Errorf("a dry create of what is there: %v", err)
	}
	changed := proto.CloneOf(real)
	changed.Data = map[string]string{"k": "v"}
	updated := check(api.UpdateConfigMap(ctx, &corev1.UpdateConfigMapRequest{Object: changed, Options: &metav1.UpdateOptions{DryRun: all}}))(t)
	if updated.GetData()["k"] != "v" {
		t.Errorf("a dry update answers %v", updated)
	}
	check(api.PatchConfigMap(ctx, &metav1.PatchRequest{Namespace: "default", Name: "a", Patch: []byte(`{"data":{"x":"y"}}`), Options: &metav1.PatchOptions{DryRun: all}}))(t)
	check(api.DeleteConfigMap(ctx, &metav1.DeleteRequest{Namespace: "default", Name: "a", Options: &metav1.DeleteOptions{DryRun: all}}))(t)
	if got := check(api.GetConfigMap(ctx, &metav1.GetRequest{Namespace: "default", Name: "a"}))(t); !proto.Equal(got, real) {
		t.Errorf("after dry writes it is %v, was %v", got, real)
	}
}

func TestAnUpdateThatChangesNothingWritesNothing(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	made := check(deployments.Create(ctx, newDeployment("web", 2)))(t)
	for name, o := range map[string]*appsv1.Deployment{"as it was read": proto.CloneOf(made), "as it was sent": newDeployment("web", 2)} {
		got := check(deployments.Update(ctx, o))(t)
		if got.GetMetadata().GetResourceVersion() != made.GetMetadata().GetResourceVersion() {
			t.Errorf("%s: version %s became %s", name, made.GetMetadata().GetResourceVersion(), got.GetMetadata().GetResourceVersion())
		}
	}
	if got := check(deployments.UpdateStatus(ctx, proto.CloneOf(made)))(t); got.GetMetadata().GetResourceVersion() != made.GetMetadata().GetResourceVersion() {
		t.Error("an equal status was written")
	}
}

func TestGenerationFollowsTheSpec(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	deployments := client.Of[*appsv1.Deployment](s.Client())
	o := newDeployment("web", 2)
	o.Status = &appsv1.DeploymentStatus{Replicas: 9}
	o.Metadata.Generation = 7
	d := check(deployments.Create(ctx, o))(t)
	if d.GetMetadata().GetGeneration() != 1 || d.GetStatus().GetReplicas() != 0 {
		t.Errorf("a new one has generation %d, status %v", d.GetMetadata().GetGeneration(), d.GetStatus())
	}
	d.Metadata.Labels = map[string]string{"a": "b"}
	d.Status = &appsv1.DeploymentStatus{Replicas: 5}
	d = check(deployments.Update(ctx, d))(t)
	if d.GetMetadata().GetGeneration() != 1 || d.GetStatus().GetReplicas() != 0 {
		t.Errorf("after a change of labels: generation %d, status %v", d.GetMetadata().GetGeneration(), d.GetStatus())
	}
	d.Status = &appsv1.DeploymentStatus{Replicas: 5, ObservedGeneration: 1}
	d.Spec.Replicas = proto.Int32(77)
	d = check(deployments.UpdateStatus(ctx, d))(t)
	if d.GetMetadata().GetGeneration() != 1 || d.GetStatus().GetReplicas() != 5 || d.GetSpec().GetReplicas() != 2 {
		t.Errorf("after a write of the status: generation %d, status %v, replicas %d", d.GetMetadata().GetGeneration(), d.GetStatus(), d.GetSpec().GetReplicas())
	}
	d.Spec.Replicas = proto.Int32(3)
	d = check(deployments.Update(ctx, d))(t)
	if d.GetMetadata().GetGeneration() != 2 || d.GetStatus().GetReplicas() != 5 {
		t.Errorf("after a change of the spec: generation %d, status %v", d.GetMetadata().GetGeneration(), d.GetStatus())
	}
}

func TestAllViolationsAreReportedTogether(t *testing.T) {
	s := apitest.Start(t, nil)
	p := newPod("Bad_Name")
	p.Metadata.Labels = map[string]string{"-": "x"}
	p.Spec.Containers = append(p.Spec.Containers, &corev1.Container{Name: "main"})
	_, err := client.Of[*corev1.Pod](s.Client()).Create(context.Background(), p)
	if !apierror.IsInvalid(err) {
		t.Fatalf("got %v", err)
	}
	e := apierror.FromStatus(err).(*apierror.Error)
	for _, want := range []string{"metadata.name", "metadata.labels", "spec.containers[1].name", "spec.containers[1].image"} {
		found := false
		for _, v := range e.Violations {
			found = found || v.Field == want
		}
		if !found {
			t.Errorf("no violation of %s in %v", want, e.Violations)
		}
	}
}

func TestImmutableMetadata(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	made := check(maps.Create(ctx, configMap("a", nil)))(t)
	other := proto.CloneOf(made)
	other.Metadata.Uid = "00000000-0000-0000-0000-000000000000"
	if _, err := maps.Update(ctx, other); !apierror.IsConflict(err) {
		t.Errorf("another uid: %v", err)
	}
	other = proto.CloneOf(made)
	other.Metadata.CreationTimestamp.Seconds--
	if _, err := maps.Update(ctx, other); !apierror.IsInvalid(err) {
		t.Errorf("another creationTimestamp: %v", err)
	}
	if _, err := maps.Update(ctx, configMap("absent", nil)); !apierror.IsNotFound(err) {
		t.Errorf("update of what is not there: %v", err)
	}
	// Without a version the update is unconditional, and leaves alone what was left out.
	updated := check(maps.Update(ctx, configMap("a", map[string]string{"k": "v"})))(t)
	if m := updated.GetMetadata(); m.GetUid() != made.GetMetadata().GetUid() || !proto.Equal(m.GetCreationTimestamp(), made.GetMetadata().GetCreationTimestamp()) {
		t.Errorf("metadata became %v", m)
	}
	withVersion := configMap("b", nil)
	withVersion.Metadata.ResourceVersion = "1"
	if _, err := maps.Create(ctx, withVersion); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("create with a resourceVersion: %v", err)
	}
}

func TestWarningsComeInTheHeader(t *testing.T) {
	s := apitest.Start(t, nil)
	p := newPod("a")
	p.Spec.SetHostnameAsFqdn = proto.Bool(true)
	p.Spec.EnableServiceLinks = proto.Bool(true)
	p.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Claims: []*corev1.ResourceClaim{{Name: "gpu"}}}
	p.Spec.ResourceClaims = []*corev1.PodResourceClaim{{Name: "gpu", ResourceClaimName: proto.String("x")}}
	var header metadata.MD
	_, err := corev1.NewPodServiceClient(s.Client().Conn()).CreatePod(context.Background(), &corev1.CreatePodRequest{Object: p}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	if len(header.Get("kaji-warning")) == 0 {
		t.Errorf("no warnings in %v", header)
	}
}

// Many writers of one object: each write is made once, none is lost.
func TestConcurrentPatchesAllCount(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	check(maps.Create(ctx, configMap("a", nil)))(t)
	const writers = 16
	errs := make(chan error, writers)
	for i := range writers {
		go func() {
			patch := fmt.Sprintf(`{"data":{"k%d":"v"}}`, i)
			_, err := maps.Patch(ctx, "default", "a", metav1.PatchType_PATCH_TYPE_MERGE, []byte(patch), "")
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := check(maps.Get(ctx, "default", "a"))(t); len(got.GetData()) != writers {
		t.Errorf("%d of %d writes are left", len(got.GetData()), writers)
	}
}

func TestObjectsThatAreTooLarge(t *testing.T) {
	s := apitest.Start(t, nil)
	d := newDeployment("big", 1)
	for i := range 40 {
		d.Spec.Template.Spec.Containers[0].Env = append(d.Spec.Template.Spec.Containers[0].Env,
			&corev1.EnvVar{Name: fmt.Sprintf("E%d", i), Value: strings.Repeat("x", 100<<10)})
	}
	if _, err := client.Of[*appsv1.Deployment](s.Client()).Create(context.Background(), d); apierror.ReasonOf(err) != apierror.ReasonTooLarge {
		t.Errorf("got %v", err)
	}
}
