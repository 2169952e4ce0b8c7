package registry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

const evictionSubresource = "eviction"

// evictPod deletes a pod as a disruption that somebody chose. One transaction marks the pod, begins its deletion and
// charges its budget: no pod goes uncharged, and no budget is charged for a pod that stays.
func (r *resource) evictPod(ctx context.Context, e *policyv1.Eviction, opts *metav1.CreateOptions) (st *metav1.Status, err error) {
	start, dry := time.Now(), false
	m := e.GetMetadata()
	var res *result
	defer func() {
		r.record(ctx, start, "create", evictionSubresource, m.GetNamespace(), m.GetName(), dry, res, err)
	}()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_CREATE, Subresource: evictionSubresource, Namespace: m.GetNamespace(), Name: m.GetName(),
	}); err != nil {
		return nil, err
	}
	if dry, err = dryRun(opts); err != nil {
		return nil, err
	}
	dryDelete, err := dryRun(e.GetDeleteOptions())
	if err != nil {
		return nil, err
	}
	dry = dry || dryDelete
	policy, err := propagation(e.GetDeleteOptions())
	if err != nil {
		return nil, err
	}
	// A budget that has just been made holds from then on.
	if err := r.cfg.Caches.Fresh(ctx); err != nil {
		return nil, err
	}
	res, err = r.rewrite(ctx, m.GetNamespace(), m.GetName(), dry, func(current *watchcache.Entry) (outcome, error) {
		return r.evicted(ctx, current.Object.(*corev1.Pod), e.GetDeleteOptions(), policy, dry)
	})
	if err != nil {
		return nil, err
	}
	return r.deleted(m.GetName(), res), nil
}

// evicted works out what an eviction makes of a pod.
func (r *resource) evicted(ctx context.Context, pod *corev1.Pod, opts *metav1.DeleteOptions, policy string, dry bool) (outcome, error) {
	if err := r.preconditions(pod, opts.GetPreconditions()); err != nil {
		return outcome{}, err
	}
	admit := r.request(ctx, metav1.Verb_VERB_DELETE, evictionSubresource, nil, pod, dry)
	if err := r.cfg.Admission.Validate(ctx, admit); err != nil {
		return outcome{}, err
	}
	if !disruptable(pod) {
		out := r.ending(pod, opts, policy)
		out.guards = admit.Guards()
		return out, nil
	}
	guards, writes, err := r.charge(ctx, pod)
	if err != nil {
		return outcome{}, err
	}
	target := clone(pod).(*corev1.Pod)
	r.markDisrupted(target)
	out := r.ending(target, opts, policy)
	out.guards, out.also = append(admit.Guards(), guards...), writes
	return out, nil
}

// disruptable says whether the end of a pod would be a disruption: not when it has not begun, is over, or ends already.
func disruptable(pod *corev1.Pod) bool {
	switch pod.GetStatus().GetPhase() {
	case "Pending", "Succeeded", "Failed":
		return false
	}
	return pod.GetMetadata().GetDeletionTimestamp() == nil
}

// markDisrupted sets the condition by which controllers tell a chosen disruption from a failure of the pod itself.
func (r *resource) markDisrupted(pod *corev1.Pod) {
	if pod.Status == nil {
		pod.Status = &corev1.PodStatus{}
	}
	c := &corev1.PodCondition{
		Type: "DisruptionTarget", Status: "True", Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
		LastTransitionTime: timestamp(r.cfg.Now()), ObservedGeneration: pod.GetMetadata().GetGeneration(),
	}
	at := slices.IndexFunc(pod.Status.Conditions, func(have *corev1.PodCondition) bool { return have.GetType() == c.Type })
	switch {
	case at < 0:
		pod.Status.Conditions = append(pod.Status.Conditions, c)
	default:
		if pod.Status.Conditions[at].GetStatus() == c.Status {
			c.LastTransitionTime = pod.Status.Conditions[at].GetLastTransitionTime()
		}
		pod.Status.Conditions[at] = c
	}
}

// evictionOf takes the eviction out of its request.
func evictionOf(req *corev1.EvictPodRequest) (*policyv1.Eviction, error) {
	e := req.GetObject()
	if e.GetMetadata().GetName() == "" || e.GetMetadata().GetNamespace() == "" {
		return nil, apierror.BadRequest("the eviction names no pod", apierror.FieldViolation{
			Field: "object.metadata", Reason: "FieldValueRequired", Description: fmt.Sprintf(
				"name and namespace of the pod must be set; they are %q and %q", e.GetMetadata().GetName(), e.GetMetadata().GetNamespace())})
	}
	return e, nil
}
