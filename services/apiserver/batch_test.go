package apiserver_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

const configMaps = "kaji.core.v1.ConfigMap"

func newMap(name string, data ...string) *corev1.ConfigMap {
	m := &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{}}
	for i := 0; i+1 < len(data); i += 2 {
		m.Data[data[i]] = data[i+1]
	}
	return m
}

func createOp(t *testing.T, m proto.Message) *apiv1.BatchOperation {
	return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Create{Create: &apiv1.ResourceServiceCreateRequest{Object: pack(t, m)}}}
}

func updateOp(t *testing.T, m proto.Message) *apiv1.BatchOperation {
	return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Update{Update: &apiv1.ResourceServiceUpdateRequest{Object: pack(t, m)}}}
}

func patchOp(name, patch string) *apiv1.BatchOperation {
	return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Patch{Patch: &apiv1.ResourceServicePatchRequest{
		Type: configMaps, Request: &metav1.PatchRequest{Namespace: "default", Name: name, Patch: []byte(patch)},
	}}}
}

func applyOp(name, manifest string) *apiv1.BatchOperation {
	return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Apply{Apply: &apiv1.ResourceServiceApplyRequest{
		Type: configMaps, Request: &metav1.ApplyRequest{
			Namespace: "default", Name: name, Patch: []byte(manifest), Options: &metav1.ApplyOptions{FieldManager: "test"},
		},
	}}}
}

func deleteOp(name string) *apiv1.BatchOperation {
	return &apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Delete{Delete: &apiv1.ResourceServiceDeleteRequest{
		Type: configMaps, Request: &metav1.DeleteRequest{Namespace: "default", Name: name},
	}}}
}

// errorOf is the error that the method alone would have ended with.
func errorOf(r *apiv1.BatchResult) error {
	e := r.GetError()
	if e == nil {
		return nil
	}
	return apierror.FromStatus(status.FromProto(&spb.Status{Code: e.GetCode(), Message: e.GetMessage(), Details: e.GetDetails()}).Err())
}

func TestABatchCarriesOutEveryWrite(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := apiv1.NewResourceServiceClient(s.Client().Conn())
	maps := client.Of[*corev1.ConfigMap](s.Client())
	check(maps.Create(ctx, newMap("old", "a", "1")))(t)
	check(maps.Create(ctx, newMap("gone")))(t)
	bad := newMap("Not A Name")
	pod := newPod("unhurt")
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{SeLinuxChangePolicy: proto.String("MountOption")}
	resp := check(api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{Operations: []*apiv1.BatchOperation{
		createOp(t, newMap("new", "k", "v")),
		createOp(t, newMap("old")),
		updateOp(t, newMap("old", "a", "2")),
		patchOp("old", `{"data":{"b":"3"}}`),
		applyOp("applied", `{"apiVersion":"v1","kind":"ConfigMap","data":{"x":"y"}}`),
		deleteOp("gone"),
		deleteOp("never"),
		createOp(t, bad),
		createOp(t, pod),
	}}))(t)
	wants := []codes.Code{
		codes.OK, codes.AlreadyExists, codes.OK, codes.OK, codes.OK, codes.OK, codes.NotFound, codes.InvalidArgument, codes.OK,
	}
	for i, want := range wants {
		if got := codes.Code(resp.GetResults()[i].GetError().GetCode()); got != want {
			t.Errorf("operation %d: %s, want %s (%s)", i, got, want, resp.GetResults()[i].GetError().GetMessage())
		}
	}
	if resp.GetFailed() != 3 {
		t.Errorf("%d failed", resp.GetFailed())
	}
	var e *apierror.Error
	if err := errorOf(resp.GetResults()[7]); !apierror.IsInvalid(err) {
		t.Errorf("the bad name: %v", err)
	} else if e = err.(*apierror.Error); len(e.Violations) == 0 || e.Violations[0].Field != "metadata.name" {
		t.Errorf("its violations are %v", e.Violations)
	}
	// Writes of one object keep their order.
	old := check(maps.Get(ctx, "default", "old"))(t)
	if old.GetData()["a"] != "2" || old.GetData()["b"] != "3" {
		t.Errorf("after update and patch it holds %v", old.GetData())
	}
	last := &corev1.ConfigMap{}
	if err := resp.GetResults()[3].GetObject().UnmarshalTo(last); err != nil || !proto.Equal(last, old) {
		t.Errorf("the patch answered %v, %v", last, err)
	}
	if r := resp.GetResults()[3]; r.GetUid() != old.GetMetadata().GetUid() || r.GetResourceVersion() != old.GetMetadata().GetResourceVersion() {
		t.Errorf("it answered uid %s, resourceVersion %s", r.GetUid(), r.GetResourceVersion())
	}
	if _, err := maps.Get(ctx, "default", "gone"); !apierror.IsNotFound(err) {
		t.Errorf("the deleted one: %v", err)
	}
	if r := resp.GetResults()[5]; r.GetObject() != nil || r.GetUid() == "" {
		t.Errorf("the delete answered %v", r)
	}
	if w := resp.GetResults()[8].GetWarnings(); !slices.ContainsFunc(w, func(s string) bool { return strings.HasPrefix(s, "spec.securityContext.seLinuxChangePolicy") }) {
		t.Errorf("the pod's warnings are %q", w)
	}
	if w := resp.GetResults()[0].GetWarnings(); len(w) > 0 {
		t.Errorf("another's warnings are %q", w)
	}
}

func TestABatchThatIsTriedStoresNothing(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := apiv1.NewResourceServiceClient(s.Client().Conn())
	maps := client.Of[*corev1.ConfigMap](s.Client())
	before := check(maps.Create(ctx, newMap("a", "k", "1")))(t)
	resp := check(api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{DryRun: []string{"All"}, Operations: []*apiv1.BatchOperation{
		createOp(t, newMap("b")), updateOp(t, newMap("a", "k", "2")), patchOp("a", `{"data":{"k":"3"}}`),
		applyOp("c", `{"apiVersion":"v1","kind":"ConfigMap"}`), deleteOp("a"),
	}}))(t)
	if resp.GetFailed() != 0 {
		t.Error(resp)
	}
	left, _, err := maps.List(ctx, "default", nil)
	if err != nil || len(left) != 1 || !proto.Equal(left[0], before) {
		t.Errorf("it left %v", left)
	}
	_, err = api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{DryRun: []string{"Some"}, Operations: []*apiv1.BatchOperation{deleteOp("a")}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("an unknown dry run: %v", err)
	}
}

func TestABatchInOrderStopsWhereItFails(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := apiv1.NewResourceServiceClient(s.Client().Conn())
	space := &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "fresh"}}
	inside := newMap("x")
	inside.Metadata.Namespace = "fresh"
	operations := []*apiv1.BatchOperation{createOp(t, space), createOp(t, inside), deleteOp("missing"), createOp(t, newMap("late"))}
	resp := check(api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{
		Operations: operations, Order: apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR, OmitObjects: true,
	}))(t)
	var got []codes.Code
	for _, r := range resp.GetResults() {
		got = append(got, codes.Code(r.GetError().GetCode()))
		if r.GetObject() != nil {
			t.Error("an object was answered")
		}
	}
	if want := []codes.Code{codes.OK, codes.OK, codes.NotFound, codes.Canceled}; !slices.Equal(got, want) {
		t.Errorf("the results are %v, want %v", got, want)
	}
	resp = check(api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{Operations: operations[2:], Order: apiv1.BatchOrder_BATCH_ORDER_SEQUENTIAL}))(t)
	if resp.GetFailed() != 1 || resp.GetResults()[1].GetError() != nil {
		t.Errorf("one after the other: %v", resp)
	}
}

// Each write is authorized by itself: a node may renew its lease in a batch, and nothing more.
func TestABatchIsAuthorizedWriteByWrite(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	node := s.Node("n1")
	mine := &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n1"}}
	other := &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n2"}}
	resp := check(apiv1.NewResourceServiceClient(node.Conn()).Batch(ctx, &apiv1.ResourceServiceBatchRequest{
		Operations: []*apiv1.BatchOperation{createOp(t, mine), createOp(t, other), createOp(t, newMap("m"))},
	}))(t)
	for i, want := range []codes.Code{codes.OK, codes.PermissionDenied, codes.PermissionDenied} {
		if got := codes.Code(resp.GetResults()[i].GetError().GetCode()); got != want {
			t.Errorf("operation %d: %s, want %s", i, got, want)
		}
	}
	stranger := s.As(identity.Identity{Name: "stranger"})
	resp = check(apiv1.NewResourceServiceClient(stranger.Conn()).Batch(ctx, &apiv1.ResourceServiceBatchRequest{
		Operations: []*apiv1.BatchOperation{deleteOp("m")},
	}))(t)
	if resp.GetFailed() != 1 {
		t.Error(resp)
	}
}

func TestABatchIsBounded(t *testing.T) {
	s := apitest.Start(t, nil)
	api := apiv1.NewResourceServiceClient(s.Client().Conn())
	for name, operations := range map[string][]*apiv1.BatchOperation{
		"nothing":             nil,
		"too many":            slices.Repeat([]*apiv1.BatchOperation{deleteOp("a")}, 1001),
		"an empty one":        {{}},
		"one without a name":  {deleteOp("")},
		"one without a patch": {patchOp("a", "")},
	} {
		_, err := api.Batch(t.Context(), &apiv1.ResourceServiceBatchRequest{Operations: operations})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gatedStore holds transactions back until so many wait at once.
type gatedStore struct {
	raftstore.Store
	want    int64
	waiting atomic.Int64
	open    chan struct{}
}

func (s *gatedStore) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	if s.want > 0 && strings.Contains(string(req.GetSuccess()[0].GetPut().GetKey()), "/batched-") {
		if s.waiting.Add(1) == s.want {
			close(s.open)
		}
		select {
		case <-s.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Store.Txn(ctx, req)
}

// The writes of a batch are in the store's hands together, so that it can put them into one commit.
func TestABatchWritesAtOnce(t *testing.T) {
	store := &gatedStore{Store: raftstore.NewMemory(), want: 40, open: make(chan struct{})}
	s := apitest.Start(t, func(cfg *apiserver.Config) { cfg.Store = store })
	req := &apiv1.ResourceServiceBatchRequest{}
	for i := range 40 {
		req.Operations = append(req.Operations, createOp(t, newMap(fmt.Sprintf("batched-%d", i))))
	}
	resp := check(apiv1.NewResourceServiceClient(s.Client().Conn()).Batch(t.Context(), req))(t)
	if resp.GetFailed() != 0 {
		t.Errorf("%d failed: %v", resp.GetFailed(), resp.GetResults()[0])
	}
}
