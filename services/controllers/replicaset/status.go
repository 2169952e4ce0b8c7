package replicaset

import (
	"slices"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/services/controllers/podstate"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/labels"
)

const conditionReplicaFailure = "ReplicaFailure"

// failure is why replicas could not be created or deleted.
type failure struct {
	reason string // FailedCreate or FailedDelete
	err    error
}

// status computes the status from the claimed pods. wait is how long until a ready pod becomes available; 0 when none will.
func status(rs *appsv1.ReplicaSet, pods []*corev1.Pod, failed *failure, now time.Time) (s *appsv1.ReplicaSetStatus, wait time.Duration) {
	s = &appsv1.ReplicaSetStatus{
		ObservedGeneration:  rs.GetMetadata().GetGeneration(),
		TerminatingReplicas: proto.Int32(0),
	}
	template := labels.SelectorFromSet(rs.GetSpec().GetTemplate().GetMetadata().GetLabels())
	for _, p := range pods {
		if podstate.Terminating(p) {
			*s.TerminatingReplicas++
		}
		if !podstate.Active(p) {
			continue
		}
		s.Replicas++
		if template.Matches(labels.Set(p.GetMetadata().GetLabels())) {
			s.FullyLabeledReplicas++
		}
		if !podstate.Ready(p) {
			continue
		}
		s.ReadyReplicas++
		available, in := podstate.Available(p, rs.GetSpec().GetMinReadySeconds(), now)
		if available {
			s.AvailableReplicas++
		} else if in > 0 && (wait == 0 || in < wait) {
			wait = in
		}
	}
	s.Conditions = conditions(rs.GetStatus().GetConditions(), failed, now)
	return s, wait
}

// conditions keeps the others and sets ReplicaFailure while replicas cannot be created or deleted.
func conditions(old []*appsv1.ReplicaSetCondition, failed *failure, now time.Time) []*appsv1.ReplicaSetCondition {
	i := slices.IndexFunc(old, func(c *appsv1.ReplicaSetCondition) bool { return c.GetType() == conditionReplicaFailure })
	if failed == nil {
		if i < 0 {
			return old
		}
		return slices.Delete(slices.Clone(old), i, i+1)
	}
	next := &appsv1.ReplicaSetCondition{
		Type: conditionReplicaFailure, Status: "True", Reason: failed.reason, Message: failed.err.Error(),
		LastTransitionTime: timestamppb.New(now.Truncate(time.Second)),
	}
	if i < 0 {
		return append(slices.Clone(old), next)
	}
	if old[i].GetReason() == next.GetReason() && old[i].GetMessage() == next.GetMessage() {
		return old
	}
	next.LastTransitionTime = old[i].GetLastTransitionTime()
	changed := slices.Clone(old)
	changed[i] = next
	return changed
}
