package replicaset

import (
	"cmp"
	"math"
	"slices"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/services/controllers/podstate"
)

// victims returns the n pods to delete first. The order is Kubernetes' (pkg/controller/controller_utils.go, ActivePodsWithRanks): unassigned, pending,
// not ready, lower deletion cost, on nodes with more pods of the same owner, ready for less long, more restarts, younger.
// Ages are compared by the logarithm of the time, and by uid within one magnitude, so that not always the youngest go.
// related are the active pods of every replica set of the same owner.
func victims(pods, related []*corev1.Pod, n int, now time.Time) []*corev1.Pod {
	if n >= len(pods) {
		return pods
	}
	perNode := map[string]int{}
	for _, p := range related {
		if node := p.GetSpec().GetNodeName(); node != "" {
			perNode[node]++
		}
	}
	sorted := slices.Clone(pods)
	slices.SortStableFunc(sorted, func(a, b *corev1.Pod) int {
		return cmp.Or(
			falseFirst(a.GetSpec().GetNodeName() != "", b.GetSpec().GetNodeName() != ""),
			cmp.Compare(phaseRank(a), phaseRank(b)),
			falseFirst(podstate.Ready(a), podstate.Ready(b)),
			cmp.Compare(podstate.Cost(a), podstate.Cost(b)),
			cmp.Compare(perNode[b.GetSpec().GetNodeName()], perNode[a.GetSpec().GetNodeName()]),
			compareReady(a, b, now),
			compareRestarts(a, b),
			compareAge(created(a), created(b), now),
			cmp.Compare(a.GetMetadata().GetUid(), b.GetMetadata().GetUid()),
		)
	})
	return sorted[:n]
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case !a:
		return -1
	}
	return 1
}

func phaseRank(p *corev1.Pod) int {
	switch p.GetStatus().GetPhase() {
	case podstate.Running:
		return 2
	case podstate.Unknown:
		return 1
	}
	return 0
}

func compareReady(a, b *corev1.Pod, now time.Time) int {
	if !podstate.Ready(a) || !podstate.Ready(b) {
		return 0
	}
	return compareAge(podstate.ReadySince(a), podstate.ReadySince(b), now)
}

func compareRestarts(a, b *corev1.Pod) int {
	ac, as := podstate.Restarts(a)
	bc, bs := podstate.Restarts(b)
	return cmp.Or(cmp.Compare(bc, ac), cmp.Compare(bs, as))
}

// compareAge puts the younger magnitude first; an unknown time is the youngest.
func compareAge(a, b time.Time, now time.Time) int {
	if a.IsZero() || b.IsZero() {
		return falseFirst(!a.IsZero(), !b.IsZero())
	}
	return cmp.Compare(magnitude(now.Sub(a)), magnitude(now.Sub(b)))
}

func magnitude(age time.Duration) int {
	if age <= 0 {
		return -1
	}
	return int(math.Log2(float64(age)))
}

func created(p *corev1.Pod) time.Time {
	if t := p.GetMetadata().GetCreationTimestamp(); t != nil {
		return t.AsTime()
	}
	return time.Time{}
}
