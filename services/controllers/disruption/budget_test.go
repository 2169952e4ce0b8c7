package disruption

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
)

func number(n int32) *metav1.IntOrString { return &metav1.IntOrString{IntVal: n} }
func share(s string) *metav1.IntOrString { return &metav1.IntOrString{Type: 1, StrVal: s} }

func TestDesired(t *testing.T) {
	for _, c := range []struct {
		name     string
		spec     *policyv1.PodDisruptionBudgetSpec
		expected int32
		want     int32
		scale    bool
	}{
		{"nothing said", &policyv1.PodDisruptionBudgetSpec{}, 5, 0, false},
		{"a number must stay", &policyv1.PodDisruptionBudgetSpec{MinAvailable: number(3)}, 5, 3, false},
		{"more than there are must stay", &policyv1.PodDisruptionBudgetSpec{MinAvailable: number(9)}, 5, 9, false},
		{"half must stay, rounded up", &policyv1.PodDisruptionBudgetSpec{MinAvailable: share("50%")}, 7, 4, true},
		{"all must stay", &policyv1.PodDisruptionBudgetSpec{MinAvailable: share("100%")}, 7, 7, true},
		{"one may go", &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number(1)}, 5, 4, true},
		{"more may go than there are", &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number(9)}, 5, 0, true},
		{"half may go, rounded up", &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: share("50%")}, 7, 3, true},
		{"none may go", &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: share("0%")}, 7, 7, true},
	} {
		if got, err := desired(c.spec, c.expected); got != c.want || err != nil || needsScale(c.spec) != c.scale {
			t.Errorf("%s: %d, %v, %v", c.name, got, needsScale(c.spec), err)
		}
	}
	for _, bad := range []string{"", "half", "50", "-1%"} {
		if _, err := desired(&policyv1.PodDisruptionBudgetSpec{MinAvailable: share(bad)}, 5); err == nil {
			t.Errorf("%q went well", bad)
		}
	}
}

// pod is a pod of that name, ready or not.
func pod(name string, ready bool) *corev1.Pod {
	status := "False"
	if ready {
		status = "True"
	}
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": "web"}},
		Status:   &corev1.PodStatus{Phase: "Running", Conditions: []*corev1.PodCondition{{Type: "Ready", Status: status}}},
	}
}

func TestVerdict(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ago := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(-d)) }
	ends, failed := pod("ends", true), pod("failed", true)
	ends.Metadata.DeletionTimestamp, failed.Status.Phase = ago(0), "Failed"
	pods := []*corev1.Pod{pod("a", true), pod("b", true), pod("c", false), pod("granted", true), pod("forgotten", true), ends, failed}
	b := &policyv1.PodDisruptionBudget{
		Metadata: &metav1.ObjectMeta{Generation: 3},
		Status: &policyv1.PodDisruptionBudgetStatus{
			DisruptedPods: map[string]*timestamppb.Timestamp{
				"granted": ago(time.Minute), "forgotten": ago(3 * time.Minute), "ends": ago(time.Minute), "gone": ago(time.Second),
			},
			Conditions: []*metav1.Condition{{Type: "Other", Status: "True"}, {Type: conditionAllowed, Status: "True", LastTransitionTime: ago(time.Hour)}},
		},
	}
	st, wait := verdict(b, pods, 7, 2, now)
	if st.GetCurrentHealthy() != 3 || st.GetDisruptionsAllowed() != 1 || st.GetObservedGeneration() != 3 || st.GetExpectedPods() != 7 || st.GetDesiredHealthy() != 2 {
		t.Errorf("%v", st)
	}
	if len(st.GetDisruptedPods()) != 1 || st.GetDisruptedPods()["granted"] == nil || wait != time.Minute {
		t.Errorf("%v, %v", st.GetDisruptedPods(), wait)
	}
	if c := st.GetConditions(); len(c) != 2 || c[1].GetReason() != reasonSufficient || !c[1].GetLastTransitionTime().AsTime().Equal(now.Add(-time.Hour)) {
		t.Errorf("%v", c)
	}
	st, _ = verdict(b, pods, 7, 3, now)
	if c := st.GetConditions()[1]; st.GetDisruptionsAllowed() != 0 || c.GetStatus() != "False" || c.GetReason() != reasonInsufficient || !c.GetLastTransitionTime().AsTime().Equal(now) {
		t.Errorf("%v", st)
	}
	if st, _ = verdict(b, pods, 0, 0, now); st.GetDisruptionsAllowed() != 0 {
		t.Errorf("none are expected, and %d may go", st.GetDisruptionsAllowed())
	}
}

// TestNeverTooMany lets any pods be evicted as long as the verdict allows it: as many healthy ones stay as must.
func TestNeverTooMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		var pods []*corev1.Pod
		for i := range rapid.IntRange(0, 8).Draw(t, "pods") {
			pods = append(pods, pod(string(rune('a'+i)), rapid.Bool().Draw(t, "ready")))
		}
		wanted := int32(rapid.IntRange(0, 8).Draw(t, "wanted"))
		before := healthy(pods, nil)
		b := &policyv1.PodDisruptionBudget{Status: &policyv1.PodDisruptionBudgetStatus{DisruptedPods: map[string]*timestamppb.Timestamp{}}}
		for _, p := range pods {
			st, _ := verdict(b, pods, int32(len(pods)), wanted, now)
			if st.GetDisruptionsAllowed() > 0 && p.GetStatus().GetConditions()[0].GetStatus() == "True" {
				// Granted; the cache does not always show the pod's end at once.
				st.DisruptionsAllowed--
				if st.DisruptedPods == nil {
					st.DisruptedPods = map[string]*timestamppb.Timestamp{}
				}
				st.DisruptedPods[p.GetMetadata().GetName()] = timestamppb.New(now)
				if rapid.Bool().Draw(t, "seen") {
					p.Metadata.DeletionTimestamp = timestamppb.New(now)
				}
			}
			b.Status = st
			now = now.Add(time.Second)
		}
		if after := healthy(pods, b.GetStatus().GetDisruptedPods()); after < min(before, wanted) {
			t.Fatalf("%d healthy pods of %d are left, %d must be", after, before, wanted)
		}
	})
}
