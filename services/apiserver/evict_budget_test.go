package apiserver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// budget is a budget for the pods labelled app=web, with the status that a controller would have written.
func budget(t *testing.T, s *apitest.Server, name string, allowed, healthy, desired int32, change func(*policyv1.PodDisruptionBudget)) {
	t.Helper()
	ctx := context.Background()
	budgets := client.Of[*policyv1.PodDisruptionBudget](s.Client())
	b := &policyv1.PodDisruptionBudget{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: &policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &metav1.IntOrString{IntVal: desired}, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}
	if change != nil {
		change(b)
	}
	b = proto.CloneOf(check(budgets.Create(ctx, b))(t))
	b.Status = &policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: b.GetMetadata().GetGeneration(), DisruptionsAllowed: allowed, CurrentHealthy: healthy, DesiredHealthy: desired, ExpectedPods: healthy,
		Conditions: []*metav1.Condition{{Type: "DisruptionAllowed", Status: "True", Reason: "SufficientPods", LastTransitionTime: b.GetMetadata().GetCreationTimestamp()}},
	}
	check(budgets.UpdateStatus(ctx, b))(t)
}

func webPod(name string) *corev1.Pod {
	p := newPod(name)
	p.Metadata.Labels = map[string]string{"app": "web"}
	return p
}

func TestBudgetsForbidEvictions(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	evict := evictor(s)
	pods, budgets := client.Of[*corev1.Pod](s.Client()), client.Of[*policyv1.PodDisruptionBudget](s.Client())
	for _, name := range []string{"a", "b", "c"} {
		runningPod(t, s, webPod(name))
	}
	budget(t, s, "web", 1, 3, 2, nil)
	if err := evict("a", &metav1.DeleteOptions{DryRun: []string{"All"}}); err != nil {
		t.Error(err)
	}
	if b := check(budgets.Get(ctx, "default", "web"))(t); b.GetStatus().GetDisruptionsAllowed() != 1 {
		t.Errorf("a dry run was charged: %v", b.GetStatus())
	}
	if err := evict("a", nil); err != nil {
		t.Fatal(err)
	}
	st := check(budgets.Get(ctx, "default", "web"))(t).GetStatus()
	if st.GetDisruptionsAllowed() != 0 || st.GetDisruptedPods()["a"] == nil || st.GetConditions()[0].GetStatus() != "False" {
		t.Errorf("%v", st)
	}
	err := evict("b", nil)
	if !apierror.IsDisruptionBudget(err) || apierror.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "web needs 2 healthy pods and has 3 currently") {
		t.Errorf("%v", err)
	}
	if e, ok := err.(*apierror.Error); !ok || e.RetryAfter <= 0 || e.Name != "b" {
		t.Errorf("%+v", err)
	}
	if p := check(pods.Get(ctx, "default", "b"))(t); p.GetMetadata().GetDeletionTimestamp() != nil || disruption(p) != nil {
		t.Errorf("%v", p)
	}
	if err := evict("a", nil); err != nil { // ends already: nothing is disrupted any more
		t.Error(err)
	}
	// One that runs elsewhere, or not at all, is none of its business.
	check(pods.Create(ctx, webPod("waiting")))(t)
	runningPod(t, s, newPod("other"))
	for _, name := range []string{"waiting", "other"} {
		if err := evict(name, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	budget(t, s, "too", 1, 1, 0, nil)
	if err := evict("b", nil); apierror.ReasonOf(err) != apierror.ReasonFailedPrecondition || !strings.Contains(err.Error(), "too, web") {
		t.Errorf("two budgets: %v", err)
	}
}

func TestBudgetsThatNobodyHasReckonedYet(t *testing.T) {
	s := apitest.Start(t, nil)
	runningPod(t, s, webPod("a"))
	check(client.Of[*policyv1.PodDisruptionBudget](s.Client()).Create(context.Background(), &policyv1.PodDisruptionBudget{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "new"},
		Spec:     &policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}))(t)
	if err := evictor(s)("a", nil); !apierror.IsDisruptionBudget(err) || !strings.Contains(err.Error(), "still being processed") {
		t.Errorf("%v", err)
	}
}

func TestUnhealthyPodsAndBudgets(t *testing.T) {
	for _, c := range []struct {
		name             string
		policy           string
		healthy, desired int32
		allowed          bool
	}{
		{"enough others are healthy", "", 2, 2, true},
		{"too few are healthy", "IfHealthyBudget", 1, 2, false},
		{"always", "AlwaysAllow", 1, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := apitest.Start(t, nil)
			p := proto.CloneOf(runningPod(t, s, webPod("sick")))
			for _, one := range p.Status.Conditions {
				if one.GetType() == "Ready" {
					one.Status = "False"
				}
			}
			check(client.Of[*corev1.Pod](s.Client()).UpdateStatus(context.Background(), p))(t)
			budget(t, s, "web", 0, c.healthy, c.desired, func(b *policyv1.PodDisruptionBudget) {
				if c.policy != "" {
					b.Spec.UnhealthyPodEvictionPolicy = proto.String(c.policy)
				}
			})
			if err := evictor(s)("sick", nil); (err == nil) != c.allowed {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestEvictionsAtOnce evicts many pods at the same time through two servers: exactly as many go as the budget allows.
func TestEvictionsAtOnce(t *testing.T) {
	s := apitest.Start(t, nil)
	other := s.Another()
	const n, allowed = 12, 5
	for i := range n {
		runningPod(t, s, webPod(fmt.Sprint("web-", i)))
	}
	budget(t, s, "web", allowed, n, n-allowed, nil)
	var granted, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range n {
		evict := evictor(s)
		if i%2 == 0 {
			evict = evictor(other)
		}
		wg.Go(func() {
			switch err := evict(fmt.Sprint("web-", i), nil); {
			case err == nil:
				granted.Add(1)
			case apierror.IsDisruptionBudget(err):
				refused.Add(1)
			default:
				t.Errorf("web-%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if granted.Load() != allowed || refused.Load() != n-allowed {
		t.Errorf("%d granted, %d refused", granted.Load(), refused.Load())
	}
	st := check(client.Of[*policyv1.PodDisruptionBudget](s.Client()).Get(context.Background(), "default", "web"))(t).GetStatus()
	if st.GetDisruptionsAllowed() != 0 || len(st.GetDisruptedPods()) != allowed {
		t.Errorf("%v", st)
	}
	pods, _, err := client.Of[*corev1.Pod](s.Client()).List(context.Background(), "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pods {
		_, noted := st.GetDisruptedPods()[p.GetMetadata().GetName()]
		if ends := p.GetMetadata().GetDeletionTimestamp() != nil; ends != noted {
			t.Errorf("%s: ends %v, noted %v", p.GetMetadata().GetName(), ends, noted)
		}
	}
}
