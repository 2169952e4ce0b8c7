package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

var budgets = kind.Of(&policyv1.PodDisruptionBudget{})

const (
	// maxDisrupted bounds the evictions granted that the disruption controller has not come to see yet, as Kubernetes does:
	// when it lags that far behind, its figures are worth nothing.
	maxDisrupted = 2000
	// budgetRetry is when asking again makes sense, budgetSlowRetry when the controller has to see the budget first.
	budgetRetry     = 5 * time.Second
	budgetSlowRetry = 10 * time.Second
)

// charge is what an eviction does to the budget of its pod: conditions and writes to go with those of the pod. Both are
// empty when no budget selects it. The caches are as fresh as when the eviction came; should the budget have changed since,
// the condition does not hold, and the eviction is decided anew.
func (r *resource) charge(ctx context.Context, pod *corev1.Pod) ([]admission.Guard, []*storev1.Op, error) {
	e, err := r.budgetOf(pod)
	if err != nil || e == nil {
		return nil, nil, err
	}
	budget := e.Object.(*policyv1.PodDisruptionBudget)
	m := budget.GetMetadata()
	key := budgets.Key(m.GetNamespace(), m.GetName())
	guards := []admission.Guard{{Key: key, Revision: e.Revision}}
	if uncharged(budget, pod) {
		return guards, nil, nil
	}
	next, err := charged(budget, pod, r.cfg.Now())
	if err != nil {
		return nil, nil, err
	}
	res, err := r.resource(string(budgets.Message))
	if err != nil {
		return nil, nil, err
	}
	value, err := res.encode(next)
	if err != nil {
		return nil, nil, err
	}
	stored, _ := res.marked(value)
	op, err := res.put(ctx, key, stored)
	if err != nil {
		return nil, nil, err
	}
	return guards, []*storev1.Op{op}, nil
}

// budgetOf finds the one budget that selects a pod; nil when none does.
func (r *resource) budgetOf(pod *corev1.Pod) (*watchcache.Entry, error) {
	m := pod.GetMetadata()
	cache := r.cfg.Caches.Of(budgets)
	if cache == nil {
		return nil, nil // a server that does not know of budgets
	}
	all, err := watchcache.NewSelection(budgets, m.GetNamespace(), "", "")
	if err != nil {
		return nil, apierror.Internal(err)
	}
	var found []*watchcache.Entry
	var names []string
	for _, e := range cache.List(all, "", 0).Entries {
		budget := e.Object.(*policyv1.PodDisruptionBudget)
		s, err := selector.FromMessage(budget.GetSpec().GetSelector())
		if err != nil {
			return nil, apierror.FailedPrecondition(fmt.Sprintf("the selector of disruption budget %q cannot be read: %v", budget.GetMetadata().GetName(), err))
		}
		if s.Matches(labels.Set(m.GetLabels())) {
			found, names = append(found, e), append(names, budget.GetMetadata().GetName())
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, apierror.FailedPrecondition(fmt.Sprintf(
		"pod %q cannot be evicted: more than one disruption budget selects it (%s); leave it to one of them", m.GetNamespace()+"/"+m.GetName(), strings.Join(names, ", ")))
}

// uncharged says whether a pod that runs but is not ready may go whatever the budget has left, since it is not counted as
// healthy anyhow.
func uncharged(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod) bool {
	ready := slices.ContainsFunc(pod.GetStatus().GetConditions(), func(c *corev1.PodCondition) bool {
		return c.GetType() == "Ready" && c.GetStatus() == "True"
	})
	if ready {
		return false
	}
	if budget.GetSpec().GetUnhealthyPodEvictionPolicy() == "AlwaysAllow" {
		return true
	}
	st := budget.GetStatus()
	return st.GetDesiredHealthy() > 0 && st.GetCurrentHealthy() >= st.GetDesiredHealthy()
}

// charged is the budget with one disruption less, or why there is none to spend.
func charged(budget *policyv1.PodDisruptionBudget, pod *corev1.Pod, now time.Time) (*policyv1.PodDisruptionBudget, error) {
	m, b, st := pod.GetMetadata(), budget.GetMetadata(), budget.GetStatus()
	refuse := func(after time.Duration, format string, args ...any) error {
		return apierror.DisruptionBudget(m.GetNamespace(), m.GetName(), fmt.Sprintf(format, args...), after)
	}
	switch {
	case st.GetObservedGeneration() < b.GetGeneration():
		return nil, refuse(budgetSlowRetry, "the disruption budget %s is still being processed by the server", b.GetName())
	case len(st.GetDisruptedPods()) >= maxDisrupted:
		return nil, refuse(budgetSlowRetry, "the disruption budget %s has %d evictions that have not been seen to happen", b.GetName(), len(st.GetDisruptedPods()))
	case st.GetDisruptionsAllowed() <= 0:
		return nil, refuse(budgetRetry, "the disruption budget %s needs %d healthy pods and has %d currently",
			b.GetName(), st.GetDesiredHealthy(), st.GetCurrentHealthy())
	}
	next := proto.CloneOf(budget)
	next.Status.DisruptionsAllowed--
	if next.Status.DisruptedPods == nil {
		next.Status.DisruptedPods = map[string]*timestamppb.Timestamp{}
	}
	next.Status.DisruptedPods[m.GetName()] = timestamp(now)
	if next.Status.DisruptionsAllowed > 0 {
		return next, nil
	}
	for _, c := range next.Status.GetConditions() {
		if c.GetType() == "DisruptionAllowed" && c.GetStatus() == "True" {
			c.Status, c.Reason, c.LastTransitionTime = "False", "InsufficientPods", timestamp(now)
		}
	}
	return next, nil
}
