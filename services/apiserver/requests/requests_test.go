package requests

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
)

func checker(t testing.TB) *Checker {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheck(t *testing.T) {
	binding := &corev1.PodBinding{Namespace: "default", Name: "a", NodeName: "n1"}
	for _, c := range []struct {
		name string
		req  proto.Message
		want []string
	}{
		{"get", &metav1.GetRequest{Namespace: "default", Name: "a"}, nil},
		{"get of a cluster-wide object", &metav1.GetRequest{Name: "a"}, nil},
		{"get of nothing", &metav1.GetRequest{}, []string{"name FieldValueRequired"}},
		{"get with long names", &metav1.GetRequest{Namespace: strings.Repeat("a", 64), Name: strings.Repeat("a", 254)},
			[]string{"name FieldValueTooLong", "namespace FieldValueTooLong"}},
		{"list", &metav1.ListRequest{}, nil},
		{"patch", &metav1.PatchRequest{Name: "a", Patch: []byte("{}"), Type: metav1.PatchType_PATCH_TYPE_MERGE}, nil},
		{"patch of another sort", &metav1.PatchRequest{Name: "a", Patch: []byte("{}"), Type: 99}, []string{"type FieldValueNotSupported"}},
		{"patch of nothing", &metav1.PatchRequest{Name: "a"}, []string{"patch FieldValueRequired"}},
		{"patch of an unknown sub-resource", &metav1.PatchRequest{Name: "a", Patch: []byte("{}"), Subresource: "spec"}, []string{"subresource FieldValueNotSupported"}},
		{"bindings", &corev1.BindPodsRequest{Bindings: []*corev1.PodBinding{binding}}, nil},
		{"a thousand bindings", &corev1.BindPodsRequest{Bindings: slices.Repeat([]*corev1.PodBinding{binding}, 1000)}, nil},
		{"one too many", &corev1.BindPodsRequest{Bindings: slices.Repeat([]*corev1.PodBinding{binding}, 1001)}, []string{"bindings FieldValueTooMany"}},
		{"any get without a type", &apiv1.ResourceServiceGetRequest{Request: &metav1.GetRequest{Name: "a"}}, []string{"type FieldValueRequired"}},
		{"any get without a request", &apiv1.ResourceServiceGetRequest{Type: "kaji.core.v1.Pod"}, []string{"request FieldValueRequired"}},
		{"any get of nothing", &apiv1.ResourceServiceGetRequest{Type: "kaji.core.v1.Pod", Request: &metav1.GetRequest{}}, []string{"request.name FieldValueRequired"}},
		{"any create of nothing", &apiv1.ResourceServiceCreateRequest{}, []string{"object FieldValueRequired"}},
		{"explain", &schedulerv1.ExplainRequest{}, []string{"name FieldValueRequired", "namespace FieldValueRequired"}},
		{"objects are not checked here", &corev1.CreatePodRequest{Object: &corev1.Pod{}}, nil},
		{"join", &apiv1.JoinRequest{Token: "t", NodeName: "n1", Csr: []byte{1}}, nil},
		{"join with a huge request", &apiv1.JoinRequest{Token: "t", NodeName: "n1", Csr: make([]byte, 1<<15)}, []string{"csr FieldValueTooLong"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checker(t).Check(c.req)
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *apierror.Error
			if !errors.As(err, &e) || e.Reason != apierror.ReasonBadRequest {
				t.Fatalf("got %v, want a bad request", err)
			}
			var got []string
			for _, v := range e.Violations {
				got = append(got, v.Field+" "+v.Reason)
				if v.Description == "" {
					t.Errorf("%s has no description", v.Field)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInterceptors(t *testing.T) {
	c := checker(t)
	called := false
	next := func(context.Context, any) (any, error) { called = true; return nil, nil }
	if _, err := c.Unary(t.Context(), &metav1.GetRequest{}, nil, next); err == nil || called {
		t.Errorf("a bad request reached its method: %v", err)
	}
	if _, err := c.Unary(t.Context(), &metav1.GetRequest{Name: "a"}, nil, next); err != nil || !called {
		t.Errorf("a good request did not reach its method: %v", err)
	}
	err := c.Stream(nil, fakeStream{}, nil, func(_ any, ss grpc.ServerStream) error { return ss.RecvMsg(&corev1.PodLogsRequest{}) })
	if apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a bad message of a stream got through: %v", err)
	}
}

type fakeStream struct{ grpc.ServerStream }

func (fakeStream) RecvMsg(any) error { return nil }

func BenchmarkGet(b *testing.B) {
	c, req := checker(b), &metav1.GetRequest{Namespace: "default", Name: "web-1"}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check(req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBindPods(b *testing.B) {
	binding := &corev1.PodBinding{Namespace: "default", Name: "a", NodeName: "n1"}
	c, req := checker(b), &corev1.BindPodsRequest{Bindings: slices.Repeat([]*corev1.PodBinding{binding}, 1000)}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check(req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreatePod(b *testing.B) {
	c := checker(b)
	req := &corev1.CreatePodRequest{Object: &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "a"}, Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "a"}}}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check(req); err != nil {
			b.Fatal(err)
		}
	}
}
