package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

// expired returns the old replica sets that are beyond the history that is kept, lowest revision first. What still has replicas, or
// may have, stays.
func expired(r rollout) []*appsv1.ReplicaSet {
	limit := int32(10)
	if r.d.GetSpec().RevisionHistoryLimit != nil {
		limit = r.d.GetSpec().GetRevisionHistoryLimit()
	}
	if limit == math.MaxInt32 {
		return nil
	}
	var kept []*appsv1.ReplicaSet
	for _, rs := range r.old {
		if rs.GetMetadata().GetDeletionTimestamp() == nil {
			kept = append(kept, rs)
		}
	}
	excess := len(kept) - int(limit)
	if excess <= 0 {
		return nil
	}
	slices.SortStableFunc(kept, func(a, b *appsv1.ReplicaSet) int {
		return cmp.Or(cmp.Compare(revisionOf(a.GetMetadata().GetAnnotations()), revisionOf(b.GetMetadata().GetAnnotations())), olderFirst(a, b))
	})
	return slices.DeleteFunc(kept[:excess], func(rs *appsv1.ReplicaSet) bool {
		return rs.GetStatus().GetReplicas() != 0 || size(rs) != 0 || rs.GetMetadata().GetGeneration() > rs.GetStatus().GetObservedGeneration()
	})
}
