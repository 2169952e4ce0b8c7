package apiserver_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func pack(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	return check(anypb.New(m))(t)
}

// The two ways in lead to the same objects, byte for byte.
func TestResourceServiceEqualsTheTypedServices(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	conn := s.Client().Conn()
	generic, typed := apiv1.NewResourceServiceClient(conn), appsv1.NewDeploymentServiceClient(conn)
	const message = "kaji.apps.v1.Deployment"
	one := &metav1.GetRequest{Namespace: "default", Name: "web"}
	open := func(a *anypb.Any) *appsv1.Deployment {
		t.Helper()
		d := &appsv1.Deployment{}
		if err := a.UnmarshalTo(d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	equal := func(what string, a *anypb.Any) *appsv1.Deployment {
		t.Helper()
		d, want := open(a), check(typed.GetDeployment(ctx, one))(t)
		if !proto.Equal(d, want) {
			t.Errorf("%s answers %v, the typed service has %v", what, d, want)
		}
		return d
	}

	watch := check(generic.Watch(ctx, &apiv1.ResourceServiceWatchRequest{Type: message, Request: &metav1.WatchRequest{Namespace: "default"}}))(t)
	seen := func(what string, want metav1.EventType) *appsv1.Deployment {
		t.Helper()
		ev := check(watch.Recv())(t)
		if ev.GetType() != want {
			t.Errorf("after %s: %s", what, ev.GetType())
		}
		return open(ev.GetObject())
	}

	d := equal("Create", check(generic.Create(ctx, &apiv1.ResourceServiceCreateRequest{Object: pack(t, newDeployment("web", 2))}))(t))
	if !proto.Equal(seen("Create", added), d) {
		t.Error("the watch sees another object")
	}
	equal("Get", check(generic.Get(ctx, &apiv1.ResourceServiceGetRequest{Type: message, Request: one}))(t))
	d.Spec.Replicas = proto.Int32(3)
	d = equal("Update", check(generic.Update(ctx, &apiv1.ResourceServiceUpdateRequest{Object: pack(t, d)}))(t))
	seen("Update", metav1.EventType_EVENT_TYPE_MODIFIED)
	d.Status = &appsv1.DeploymentStatus{Replicas: 3}
	d = equal("UpdateStatus", check(generic.UpdateStatus(ctx, &apiv1.ResourceServiceUpdateRequest{Object: pack(t, d)}))(t))
	if d.GetStatus().GetReplicas() != 3 {
		t.Errorf("the status is %v", d.GetStatus())
	}
	seen("UpdateStatus", metav1.EventType_EVENT_TYPE_MODIFIED)
	d = equal("Patch", check(generic.Patch(ctx, &apiv1.ResourceServicePatchRequest{Type: message, Request: &metav1.PatchRequest{
		Namespace: "default", Name: "web", Patch: []byte(`{"metadata":{"labels":{"a":"b"}}}`),
	}}))(t))
	seen("Patch", metav1.EventType_EVENT_TYPE_MODIFIED)

	check(typed.CreateDeployment(ctx, &appsv1.CreateDeploymentRequest{Object: newDeployment("api", 1)}))(t)
	seen("a typed create", added)
	list := check(generic.List(ctx, &apiv1.ResourceServiceListRequest{Type: message, Request: &metav1.ListRequest{}}))(t)
	want := check(typed.ListDeployments(ctx, &metav1.ListRequest{}))(t)
	if len(list.GetItems()) != 2 || !proto.Equal(list.GetMetadata(), want.GetMetadata()) {
		t.Fatalf("the lists are %v and %v", list.GetMetadata(), want.GetMetadata())
	}
	for i, a := range list.GetItems() {
		if got := open(a); !proto.Equal(got, want.GetItems()[i]) {
			t.Errorf("item %d is %v, the typed service has %v", i, got, want.GetItems()[i])
		}
	}

	st := check(generic.Delete(ctx, &apiv1.ResourceServiceDeleteRequest{Type: message, Request: &metav1.DeleteRequest{Namespace: "default", Name: "web"}}))(t)
	if st.GetStatus() != "Success" || st.GetDetails().GetUid() != d.GetMetadata().GetUid() {
		t.Errorf("Delete answers %v", st)
	}
	if last := seen("Delete", metav1.EventType_EVENT_TYPE_DELETED); last.GetMetadata().GetResourceVersion() == d.GetMetadata().GetResourceVersion() {
		t.Error("the deletion has the revision of the last change")
	}
}

func TestResourceServiceRefusesWhatIsNoKind(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	api := apiv1.NewResourceServiceClient(s.Client().Conn())
	for name, err := range map[string]error{
		"get":           second(api.Get(ctx, &apiv1.ResourceServiceGetRequest{Type: "kaji.core.v1.PodSpec"})),
		"no name":       second(api.Get(ctx, &apiv1.ResourceServiceGetRequest{Type: "kaji.core.v1.Pod"})),
		"create":        second(api.Create(ctx, &apiv1.ResourceServiceCreateRequest{Object: pack(t, &metav1.ListMeta{})})),
		"nothing":       second(api.Create(ctx, &apiv1.ResourceServiceCreateRequest{})),
		"rubbish":       second(api.Create(ctx, &apiv1.ResourceServiceCreateRequest{Object: &anypb.Any{TypeUrl: "type.googleapis.com/kaji.core.v1.Pod", Value: []byte("rubbish")}})),
		"status of one": second(api.UpdateStatus(ctx, &apiv1.ResourceServiceUpdateRequest{Object: pack(t, configMap("a", nil))})),
	} {
		if got := apierror.ReasonOf(apierror.FromStatus(err)); got != apierror.ReasonBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestDiscover(t *testing.T) {
	s := apitest.Start(t, nil)
	resp := check(apiv1.NewResourceServiceClient(s.Client().Conn()).Discover(context.Background(), &apiv1.DiscoverRequest{}))(t)
	if len(resp.GetKinds()) != len(kind.All()) {
		t.Errorf("%d kinds, there are %d", len(resp.GetKinds()), len(kind.All()))
	}
	for _, k := range resp.GetKinds() {
		if len(k.GetVerbs()) < 7 || k.GetService() == "" || k.GetOptions().GetPlural() == "" {
			t.Errorf("%v tells too little", k)
		}
	}
}
