package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

// scale spreads a changed number of replicas over the replica sets, without moving an update forward. While one is under way each set
// grows or shrinks in proportion to its share, so that a bad new template does not get all of the new replicas.
func scale(r rollout) []scaling {
	if only := activeOrLatest(r); only != nil {
		// Also when the size is right: the annotations say for which size of the deployment.
		return []scaling{{only, wanted(r.d)}}
	}
	if saturated(r) {
		var steps []scaling
		for _, rs := range active(r.old) {
			steps = append(steps, scaling{rs, 0})
		}
		return steps
	}
	if !isRolling(r.d) {
		return nil
	}
	return proportional(r)
}

// activeOrLatest is the only replica set that has replicas, or the one to give them to when none has; nil while there are several.
func activeOrLatest(r rollout) *appsv1.ReplicaSet {
	switch a := active(r.all()); len(a) {
	case 0:
		if r.next != nil || len(r.old) == 0 {
			return r.next
		}
		return slices.MaxFunc(r.old, olderFirst)
	case 1:
		return a[0]
	}
	return nil
}

// saturated tells whether the new replica set is all there is to have.
func saturated(r rollout) bool {
	return r.next != nil && size(r.next) == wanted(r.d) && desiredAnnotation(r.next) == wanted(r.d) && r.next.GetStatus().GetAvailableReplicas() == wanted(r.d)
}

func proportional(r rollout) []scaling {
	sets := active(r.all())
	surge, _ := fenceposts(r.d)
	allowed := int32(0)
	if wanted(r.d) > 0 {
		allowed = wanted(r.d) + surge
	}
	add := allowed - total(sets)
	// Largest first; of equals, the newest gains first and the oldest loses first.
	slices.SortStableFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		age := olderFirst(a, b)
		if add > 0 {
			age = -age
		}
		return cmp.Or(cmp.Compare(size(b), size(a)), age)
	})
	sizes := make([]int32, len(sets))
	added := int32(0)
	for i, rs := range sets {
		share := portion(r.d, rs, surge, add-added, add)
		sizes[i] = size(rs) + share
		added += share
	}
	// What rounding left over goes to the largest.
	if len(sets) > 0 {
		sizes[0] = max(sizes[0]+add-added, 0)
	}
	var steps []scaling
	for i, rs := range sets {
		steps = append(steps, scaling{rs, sizes[i]})
	}
	return steps
}

// portion is a set's share of what is to be added (or taken away, when negative), within what is left of it.
func portion(d *appsv1.Deployment, rs *appsv1.ReplicaSet, surge, left, add int32) int32 {
	if add == 0 || left == 0 {
		return 0
	}
	share := -size(rs)
	if wanted(d) > 0 {
		// The size that the deployment had when this set was sized last; what it has now when that is unknown.
		before := maxAnnotation(rs)
		if before <= 0 {
			before = max(d.GetStatus().GetReplicas(), 1)
		}
		share = int32(math.Round(float64(size(rs))*float64(wanted(d)+surge)/float64(before))) - size(rs)
	}
	if add > 0 {
		return min(share, left)
	}
	return max(share, left)
}
