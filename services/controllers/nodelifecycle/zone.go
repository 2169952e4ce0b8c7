package nodelifecycle

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How fast nodes may be given up, as kube-controller-manager does by default (its flags node-eviction-rate,
// secondary-node-eviction-rate, unhealthy-zone-threshold, large-cluster-size-threshold).
const (
	evictionRate      = 0.1 // nodes a second
	slowEvictionRate  = 0.01
	unhealthyShare    = 0.55
	largeCluster      = 50
	unhealthyAtLeast  = 3
	evictionBurstSize = 1
)

// pace is how fast nodes may be given up, from how many are lost.
func pace(total, lost int) rate.Limit {
	switch {
	case total == 0 || lost == 0:
		return evictionRate
	case lost == total:
		// All at once means that it is us who are cut off: nobody is driven away.
		return 0
	case lost >= unhealthyAtLeast && float64(lost)/float64(total) >= unhealthyShare:
		if total <= largeCluster {
			return 0
		}
		return slowEvictionRate
	}
	return evictionRate
}

// zone limits how many nodes are given up at a time.
type zone struct {
	mu      sync.Mutex
	limiter *rate.Limiter
	now     func() time.Time
}

func newZone(now func() time.Time) *zone {
	return &zone{limiter: rate.NewLimiter(evictionRate, evictionBurstSize), now: now}
}

// mayGiveUp takes a turn to give one node up. When there is none, it says when to ask again.
func (z *zone) mayGiveUp(total, lost int) (bool, time.Duration) {
	z.mu.Lock()
	defer z.mu.Unlock()
	now := z.now()
	limit := pace(total, lost)
	if z.limiter.Limit() != limit {
		z.limiter.SetLimitAt(now, limit)
	}
	if limit == 0 {
		return false, recheck
	}
	if z.limiter.AllowN(now, 1) {
		return true, 0
	}
	missing := 1 - z.limiter.TokensAt(now)
	return false, time.Duration(math.Ceil(missing/float64(limit)*1000)) * time.Millisecond
}
