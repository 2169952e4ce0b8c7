package disruption

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/services/controllers/podstate"
)

const (
	// deletionTimeout is how long an eviction that was granted counts though the pod is not seen to end. Then it is taken
	// for one that did not happen.
	deletionTimeout = 2 * time.Minute

	conditionAllowed   = "DisruptionAllowed"
	reasonSufficient   = "SufficientPods"
	reasonInsufficient = "InsufficientPods"
	reasonFailed       = "SyncFailed"
)

// needsScale tells whether a budget speaks of a share of the pods that there should be, rather than of a number that
// must be left of those there are.
func needsScale(spec *policyv1.PodDisruptionBudgetSpec) bool {
	return spec.GetMaxUnavailable() != nil || spec.GetMinAvailable().GetType() != 0
}

// desired is how many pods must be healthy, of expected ones.
func desired(spec *policyv1.PodDisruptionBudgetSpec, expected int32) (int32, error) {
	if v := spec.GetMaxUnavailable(); v != nil {
		n, err := resolve(v, expected)
		return max(0, expected-n), err
	}
	if v := spec.GetMinAvailable(); v != nil {
		return resolve(v, expected)
	}
	return 0, nil
}

// resolve is a number, or a share of one, rounded up: half of seven pods are four, whether as those that must stay or as
// those that may go (Kubernetes' policy/v1).
func resolve(v *metav1.IntOrString, of int32) (int32, error) {
	if v.GetType() == 0 {
		return v.GetIntVal(), nil
	}
	text, ok := strings.CutSuffix(v.GetStrVal(), "%")
	percent, err := strconv.ParseInt(text, 10, 32)
	if !ok || err != nil || percent < 0 {
		return 0, fmt.Errorf("%q is neither a number nor a percentage", v.GetStrVal())
	}
	return int32((percent*int64(of) + 99) / 100), nil
}

// pending are the evictions granted that are still to be seen: those of pods that are there and do not end yet. wait is how
// long until the first of them is given up; 0 when there is none.
func pending(granted map[string]*timestamppb.Timestamp, pods []*corev1.Pod, now time.Time) (left map[string]*timestamppb.Timestamp, wait time.Duration) {
	for _, p := range pods {
		at, ok := granted[p.GetMetadata().GetName()]
		if !ok || p.GetMetadata().GetDeletionTimestamp() != nil {
			continue
		}
		remains := at.AsTime().Add(deletionTimeout).Sub(now)
		if remains <= 0 {
			continue
		}
		if left == nil {
			left = map[string]*timestamppb.Timestamp{}
		}
		left[p.GetMetadata().GetName()] = at
		if wait == 0 || remains < wait {
			wait = remains
		}
	}
	return left, wait
}

// healthy counts the pods that are ready and neither end nor are about to.
func healthy(pods []*corev1.Pod, evicted map[string]*timestamppb.Timestamp) int32 {
	n := int32(0)
	for _, p := range pods {
		if _, going := evicted[p.GetMetadata().GetName()]; !going && podstate.Active(p) && podstate.Ready(p) {
			n++
		}
	}
	return n
}

// verdict is the status of a budget: expected pods there should be, of which wanted must be healthy.
func verdict(b *policyv1.PodDisruptionBudget, pods []*corev1.Pod, expected, wanted int32, now time.Time) (*policyv1.PodDisruptionBudgetStatus, time.Duration) {
	left, wait := pending(b.GetStatus().GetDisruptedPods(), pods, now)
	st := &policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: b.GetMetadata().GetGeneration(),
		DisruptedPods:      left,
		CurrentHealthy:     healthy(pods, left),
		DesiredHealthy:     wanted,
		ExpectedPods:       expected,
	}
	if expected > 0 {
		st.DisruptionsAllowed = max(0, st.CurrentHealthy-wanted)
	}
	c := &metav1.Condition{Type: conditionAllowed, Status: "False", Reason: reasonInsufficient}
	if st.DisruptionsAllowed > 0 {
		c.Status, c.Reason = "True", reasonSufficient
	}
	st.Conditions = withCondition(b, c, now)
	return st, wait
}

// closed is the status of a budget whose figures could not be found out: it lets nothing go.
func closed(b *policyv1.PodDisruptionBudget, why error, now time.Time) *policyv1.PodDisruptionBudgetStatus {
	old := b.GetStatus()
	return &policyv1.PodDisruptionBudgetStatus{
		ObservedGeneration: old.GetObservedGeneration(), DisruptedPods: old.GetDisruptedPods(),
		CurrentHealthy: old.GetCurrentHealthy(), DesiredHealthy: old.GetDesiredHealthy(), ExpectedPods: old.GetExpectedPods(),
		Conditions: withCondition(b, &metav1.Condition{Type: conditionAllowed, Status: "False", Reason: reasonFailed, Message: why.Error()}, now),
	}
}

// withCondition are the conditions of a budget with one put in. Its time stays while its status does.
func withCondition(b *policyv1.PodDisruptionBudget, c *metav1.Condition, now time.Time) []*metav1.Condition {
	c.ObservedGeneration = b.GetMetadata().GetGeneration()
	c.LastTransitionTime = &timestamppb.Timestamp{Seconds: now.Unix()}
	var out []*metav1.Condition
	for _, have := range b.GetStatus().GetConditions() {
		if have.GetType() != c.Type {
			out = append(out, have)
			continue
		}
		if have.GetStatus() == c.Status && have.GetLastTransitionTime() != nil {
			c.LastTransitionTime = have.GetLastTransitionTime()
		}
	}
	return append(out, c)
}
