package apiserver_test

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// evictor evicts pods of the namespace default.
func evictor(s *apitest.Server) func(name string, o *metav1.DeleteOptions) error {
	service := corev1.NewPodServiceClient(s.Client().Conn())
	return func(name string, o *metav1.DeleteOptions) error {
		_, err := service.EvictPod(context.Background(), &corev1.EvictPodRequest{
			Object: &policyv1.Eviction{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, DeleteOptions: o},
		})
		return apierror.FromStatus(err)
	}
}

// runningPod is a pod on n1 that runs.
func runningPod(t *testing.T, s *apitest.Server, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	name := pod.GetMetadata().GetName()
	check(pods.Create(ctx, pod))(t)
	bind(t, s, name, "n1")
	p := check(pods.Get(ctx, "default", name))(t)
	p.Status.Phase = "Running"
	p.Status.Conditions = append(p.Status.Conditions, &corev1.PodCondition{Type: "Ready", Status: "True"})
	return check(pods.UpdateStatus(ctx, p))(t)
}

func disruption(p *corev1.Pod) *corev1.PodCondition {
	at := slices.IndexFunc(p.GetStatus().GetConditions(), func(c *corev1.PodCondition) bool { return c.GetType() == "DisruptionTarget" })
	if at < 0 {
		return nil
	}
	return p.GetStatus().GetConditions()[at]
}

func TestEvictedPodsEndGracefully(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	evict := evictor(s)

	before := runningPod(t, s, newPod("web"))
	if err := evict("web", &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String("another")}}); !apierror.IsConflict(err) {
		t.Errorf("another uid: %v", err)
	}
	if err := evict("web", &metav1.DeleteOptions{DryRun: []string{"All"}}); err != nil {
		t.Error(err)
	}
	if p := check(pods.Get(ctx, "default", "web"))(t); !proto.Equal(p, before) {
		t.Errorf("a refused and a dry eviction changed the pod to %v", p)
	}
	if err := evict("web", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(7)}); err != nil {
		t.Fatal(err)
	}
	p := check(pods.Get(ctx, "default", "web"))(t)
	if c := disruption(p); c.GetStatus() != "True" || c.GetReason() != "EvictionByEvictionAPI" || c.GetLastTransitionTime() == nil {
		t.Errorf("the condition is %v", c)
	}
	if m := p.GetMetadata(); m.GetDeletionTimestamp() == nil || m.GetDeletionGracePeriodSeconds() != 7 {
		t.Errorf("the pod does not end: %v", m)
	}
	if err := evict("web", nil); err != nil { // again, as after an answer that was lost
		t.Error(err)
	}

	check(pods.Create(ctx, newPod("waiting")))(t)
	if err := evict("waiting", nil); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"waiting", "nobody"} {
		if err := evict(name, nil); !apierror.IsNotFound(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := evict("", nil); status.Code(apierror.ToStatus(err)) != codes.InvalidArgument {
		t.Errorf("without a name: %v", err)
	}
}

func TestNodesEvictNothing(t *testing.T) {
	s := apitest.Start(t, nil)
	runningPod(t, s, newPod("web"))
	for _, who := range []identity.Identity{
		{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}}, {Name: "alice"},
	} {
		_, err := corev1.NewPodServiceClient(s.As(who).Conn()).EvictPod(context.Background(), &corev1.EvictPodRequest{
			Object: &policyv1.Eviction{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}},
		})
		if !apierror.IsForbidden(apierror.FromStatus(err)) {
			t.Errorf("%s: %v", who, err)
		}
	}
}
