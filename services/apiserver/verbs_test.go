package apiserver_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// Verbs beyond those of TestDryRunWritesNothing: status, scale, apply, and a whole collection.
func TestEveryVerbCanBeTried(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := appsv1.NewDeploymentServiceClient(s.Client().Conn())
	all := []string{"All"}
	before := check(api.CreateDeployment(ctx, &appsv1.CreateDeploymentRequest{Object: newDeployment("web", 2)}))(t)
	changed := proto.CloneOf(before)
	changed.Status = &appsv1.DeploymentStatus{Replicas: 2}
	if d := check(api.UpdateDeploymentStatus(ctx, &appsv1.UpdateDeploymentRequest{Object: changed, Options: &metav1.UpdateOptions{DryRun: all}}))(t); d.GetStatus().GetReplicas() != 2 {
		t.Errorf("a tried status is answered as %v", d.GetStatus())
	}
	scale := &autoscalingv1.Scale{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: &autoscalingv1.ScaleSpec{Replicas: 9}}
	if got := check(api.UpdateDeploymentScale(ctx, &appsv1.UpdateDeploymentScaleRequest{Object: scale, Options: &metav1.UpdateOptions{DryRun: all}}))(t); got.GetSpec().GetReplicas() != 9 {
		t.Errorf("a tried scale is answered as %v", got)
	}
	for _, subresource := range []string{"scale", "status"} {
		check(api.PatchDeployment(ctx, &metav1.PatchRequest{
			Namespace: "default", Name: "web", Subresource: subresource, Patch: []byte(`{"spec":{"replicas":5},"status":{"replicas":5}}`),
			Options: &metav1.PatchOptions{DryRun: all},
		}))(t)
	}
	check(api.ApplyDeployment(ctx, &metav1.ApplyRequest{
		Namespace: "default", Name: "web", Patch: []byte(`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":7}}`),
		Options: &metav1.ApplyOptions{DryRun: all, FieldManager: "test", Force: true},
	}))(t)
	check(api.DeleteCollectionDeployments(ctx, &metav1.DeleteCollectionRequest{Namespace: "default", Options: &metav1.DeleteOptions{DryRun: all}}))(t)
	if after := check(api.GetDeployment(ctx, &metav1.GetRequest{Namespace: "default", Name: "web"}))(t); !proto.Equal(after, before) {
		t.Errorf("after all was tried it is %v", after)
	}
}

// crowded is a store in which the first names that are generated are taken.
type crowded struct {
	raftstore.Store
	taken atomic.Int64
}

func (c *crowded) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	put := req.GetSuccess()[0].GetPut()
	if strings.Contains(string(put.GetKey()), "/generated-") && c.taken.Add(-1) >= 0 {
		if _, err := c.Store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: put}}}}); err != nil {
			return nil, err
		}
	}
	return c.Store.Txn(ctx, req)
}

func TestATakenNameIsGeneratedAnew(t *testing.T) {
	store := &crowded{Store: raftstore.NewMemory()}
	s := apitest.Start(t, func(cfg *apiserver.Config) { cfg.Store = store })
	maps := client.Of[*corev1.ConfigMap](s.Client())
	wanted := &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", GenerateName: "generated-"}}
	store.taken.Store(3)
	if got := check(maps.Create(t.Context(), wanted))(t); !strings.HasPrefix(got.GetMetadata().GetName(), "generated-") {
		t.Errorf("it is called %q", got.GetMetadata().GetName())
	}
	store.taken.Store(1000)
	if _, err := maps.Create(t.Context(), wanted); !apierror.IsAlreadyExists(err) {
		t.Errorf("when every name is taken: %v", err)
	}
}

func TestFieldSelectorsOfEachKind(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	c := s.Client()
	pod := newPod("a")
	pod.Spec.RestartPolicy, pod.Spec.SchedulerName, pod.Spec.ServiceAccountName, pod.Spec.HostNetwork = "Never", "mine", "robot", true
	pod = check(client.Of[*corev1.Pod](c).Create(ctx, pod))(t)
	pod.Status = &corev1.PodStatus{Phase: "Running", PodIp: "10.0.0.1", NominatedNodeName: "n9"}
	check(client.Of[*corev1.Pod](c).UpdateStatus(ctx, pod))(t)
	check(client.Of[*corev1.Pod](c).Create(ctx, newPod("b")))(t)
	check(client.Of[*corev1.Secret](c).Create(ctx, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "a"}, Type: "example.com/x"}))(t)
	check(client.Of[*corev1.Secret](c).Create(ctx, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "b"}}))(t)
	check(client.Of[*corev1.Node](c).Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "a"}, Spec: &corev1.NodeSpec{Unschedulable: true}}))(t)
	check(client.Of[*corev1.Node](c).Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "b"}}))(t)
	for i, name := range []string{"a", "b"} {
		check(client.Of[*corev1.Event](c).Create(ctx, &corev1.Event{
			Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Type: []string{"Warning", "Normal"}[i], Reason: []string{"Bad", "Good"}[i],
			InvolvedObject: &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: name, Uid: fmt.Sprint(i)},
			Source:         &corev1.EventSource{Component: []string{"x", "y"}[i]},
		}))(t)
	}
	list := func(kind, selector string) ([]string, error) {
		o := &metav1.ListOptions{FieldSelector: selector}
		switch kind {
		case "pods":
			l, _, err := client.Of[*corev1.Pod](c).List(ctx, "default", o)
			return namesOf(l), err
		case "secrets":
			l, _, err := client.Of[*corev1.Secret](c).List(ctx, "default", o)
			return namesOf(l), err
		case "nodes":
			l, _, err := client.Of[*corev1.Node](c).List(ctx, "", o)
			return namesOf(l), err
		case "events":
			l, _, err := client.Of[*corev1.Event](c).List(ctx, "default", o)
			return namesOf(l), err
		}
		l, _, err := client.Of[*corev1.Namespace](c).List(ctx, "", o)
		return namesOf(l), err
	}
	for _, one := range []string{
		"pods spec.restartPolicy=Never", "pods spec.schedulerName=mine", "pods spec.serviceAccountName=robot", "pods spec.hostNetwork=true",
		"pods status.phase=Running", "pods status.podIP=10.0.0.1", "pods status.nominatedNodeName=n9", "pods metadata.name=a",
		"secrets type=example.com/x", "nodes spec.unschedulable=true", "events type=Warning", "events reason=Bad", "events source=x",
		"events involvedObject.name=a", "events involvedObject.uid=0", "events reportingComponent=x",
		"events involvedObject.kind=Pod,involvedObject.name=a",
	} {
		kind, selector, _ := strings.Cut(one, " ")
		if got, err := list(kind, selector); err != nil || !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s: %v, %v", one, got, err)
		}
	}
	if got, err := list("namespaces", "status.phase=Terminating"); err != nil || len(got) != 0 {
		t.Errorf("namespaces that end: %v, %v", got, err)
	}
	_, err := list("pods", "spec.hostname=x")
	if apierror.ReasonOf(err) != apierror.ReasonBadRequest || !strings.Contains(err.Error(), "spec.hostname") || !strings.Contains(err.Error(), "status.phase") {
		t.Errorf("a field that cannot be selected by: %v", err)
	}
}

// What the server does not know is refused, warned of, or let be, as the client wants.
func TestUnknownFields(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := corev1.NewConfigMapServiceClient(s.Client().Conn())
	strange := func(name string) *corev1.ConfigMap {
		m := configMap(name, nil)
		m.ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 999, protowire.BytesType), "new"))
		m.Metadata.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 888, protowire.VarintType), 1))
		return m
	}
	if _, err := api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: strange("a"), Options: &metav1.CreateOptions{FieldValidation: "Strict"}}); !apierror.IsInvalid(apierror.FromStatus(err)) ||
		!strings.Contains(err.Error(), "#999") || !strings.Contains(err.Error(), "metadata.#888") {
		t.Errorf("strict: %v", err)
	}
	var header metadata.MD
	made := check(api.CreateConfigMap(ctx, &corev1.CreateConfigMapRequest{Object: strange("a"), Options: &metav1.CreateOptions{FieldValidation: "Warn"}}, grpc.Header(&header)))(t)
	if w := header.Get("kaji-warning"); len(w) != 2 {
		t.Errorf("the warnings are %q", w)
	}
	header = nil
	check(api.UpdateConfigMap(ctx, &corev1.UpdateConfigMapRequest{Object: made, Options: &metav1.UpdateOptions{FieldValidation: "Ignore"}}, grpc.Header(&header)))(t)
	if w := header.Get("kaji-warning"); len(w) != 0 {
		t.Errorf("ignored, the warnings are %q", w)
	}
	if _, err := api.UpdateConfigMap(ctx, &corev1.UpdateConfigMapRequest{Object: made, Options: &metav1.UpdateOptions{FieldValidation: "Strict"}}); !apierror.IsInvalid(apierror.FromStatus(err)) {
		t.Errorf("a strict update: %v", err)
	}
	patch := func(validation string) (w []string, err error) {
		var header metadata.MD
		_, err = api.PatchConfigMap(ctx, &metav1.PatchRequest{
			Namespace: "default", Name: "a", Patch: []byte(`{"dta":{"x":"y"}}`), Options: &metav1.PatchOptions{FieldValidation: validation},
		}, grpc.Header(&header))
		return header.Get("kaji-warning"), apierror.FromStatus(err)
	}
	if _, err := patch("Strict"); !apierror.IsInvalid(err) {
		t.Errorf("a strict patch: %v", err)
	}
	for _, validation := range []string{"", "Warn"} {
		if w, err := patch(validation); err != nil || len(w) != 1 || !strings.HasPrefix(w[0], "dta: unknown field") {
			t.Errorf("a patch with validation %q: %q, %v", validation, w, err)
		}
	}
	if w, err := patch("Ignore"); err != nil || len(w) != 0 {
		t.Errorf("a patch that ignores: %q, %v", w, err)
	}
	if _, err := patch("Sloppy"); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("an unknown validation: %v", err)
	}
}
