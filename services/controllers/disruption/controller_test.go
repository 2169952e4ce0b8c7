package disruption_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/services/controllers/deployment"
	"kaji.dev/kaji/services/controllers/disruption"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/replicaset"
)

var app = map[string]string{"app": "web"}

func newDeployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: &appsv1.DeploymentSpec{
			Replicas: proto.Int32(replicas), Selector: &metav1.LabelSelector{MatchLabels: app},
			Template: &corev1.PodTemplateSpec{
				Metadata: &metav1.ObjectMeta{Labels: app},
				Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "i"}}},
			},
		},
	}
}

func newBudget(spec *policyv1.PodDisruptionBudgetSpec) *policyv1.PodDisruptionBudget {
	spec.Selector = &metav1.LabelSelector{MatchLabels: app}
	return &policyv1.PodDisruptionBudget{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: spec}
}

// figures are expected, desired, healthy, allowed, and the reason of the condition.
func figures(w *harness.World) string {
	w.T.Helper()
	b, err := client.Of[*policyv1.PodDisruptionBudget](w.Client).Get(w.Ctx, "default", "web")
	if err != nil {
		w.T.Fatal(err)
	}
	st, reason := b.GetStatus(), ""
	for _, c := range st.GetConditions() {
		reason = c.GetReason()
	}
	return fmt.Sprintf("%d %d %d %d %s", st.GetExpectedPods(), st.GetDesiredHealthy(), st.GetCurrentHealthy(), st.GetDisruptionsAllowed(), reason)
}

func TestBudgetsFollowPodsAndScale(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, newBudget(&policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &metav1.IntOrString{Type: 1, StrVal: "40%"}}))
		stop := w.Start(disruption.Add, deployment.Add, replicaset.Add)
		w.Settle(time.Second)
		expect := func(when, want string) {
			t.Helper()
			if got := figures(w); got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		expect("without pods", "0 0 0 0 InsufficientPods")
		harness.Create(w, newDeployment(5))
		w.Settle(time.Second)
		expect("while none is ready", "5 3 0 0 InsufficientPods")
		w.Node(time.Second, time.Second, nil)
		w.Settle(10 * time.Second)
		expect("when all are ready", "5 3 5 2 SufficientPods")

		deployments := client.Of[*appsv1.Deployment](w.Client)
		d, err := deployments.Get(w.Ctx, "default", "web")
		if err != nil {
			t.Fatal(err)
		}
		d = proto.CloneOf(d)
		d.Spec.Replicas = proto.Int32(10)
		if _, err := deployments.Update(w.Ctx, d); err != nil {
			t.Fatal(err)
		}
		w.Settle(10 * time.Second)
		expect("scaled up", "10 6 10 4 SufficientPods")
		stop()

		// What happened while nobody looked is seen by the next leader.
		pods, _, err := client.Of[*corev1.Pod](w.Client).List(w.Ctx, "default", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pods[:3] {
			p = proto.CloneOf(p)
			harness.SetReady(p, false)
			if _, err := client.Of[*corev1.Pod](w.Client).UpdateStatus(w.Ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		defer w.Start(disruption.Add)()
		w.Settle(time.Second)
		expect("three unready", "10 6 7 1 SufficientPods")
	})
}

func TestBudgetsOfPodsWithoutController(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		for i := range 3 {
			p := &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("lone-", i), Labels: app}, Spec: &corev1.PodSpec{}}
			harness.SetReady(harness.Create(w, p), true)
		}
		w.Node(time.Second, time.Second, nil)
		harness.Create(w, newBudget(&policyv1.PodDisruptionBudgetSpec{MinAvailable: &metav1.IntOrString{IntVal: 2}}))
		defer w.Start(disruption.Add)()
		w.Settle(5 * time.Second)
		if got := figures(w); got != "3 2 3 1 SufficientPods" {
			t.Errorf("a number: %q", got)
		}
		budgets := client.Of[*policyv1.PodDisruptionBudget](w.Client)
		b, err := budgets.Get(w.Ctx, "default", "web")
		if err != nil {
			t.Fatal(err)
		}
		b = proto.CloneOf(b)
		b.Spec.MinAvailable = &metav1.IntOrString{Type: 1, StrVal: "50%"}
		if _, err := budgets.Update(w.Ctx, b); err != nil {
			t.Fatal(err)
		}
		w.Settle(5 * time.Second)
		if got := figures(w); got != "0 0 3 0 InsufficientPods" {
			t.Errorf("a share of what nobody knows: %q", got)
		}
	})
}
