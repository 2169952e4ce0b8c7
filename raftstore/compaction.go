package raftstore

import (
	"context"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// compactionTick is how often the leader notes the revision and looks for what is old.
const compactionTick = time.Second

// historyKeeper decides how far history goes, from the revisions it saw and when.
type historyKeeper struct {
	age   time.Duration
	bytes int64
	seen  []sighting
}

// sighting says that rev was the newest revision at some time: what is older was superseded by then.
type sighting struct {
	at  time.Time
	rev int64
}

// target notes the revision at now, and gives the revision to compact to; 0 for nothing to do.
func (h *historyKeeper) target(now time.Time, rev, historyBytes int64) int64 {
	if n := len(h.seen); n == 0 || h.seen[n-1].rev != rev {
		h.seen = append(h.seen, sighting{at: now, rev: rev})
	}
	drop := 0
	for drop < len(h.seen) && now.Sub(h.seen[drop].at) > h.age {
		drop++
	}
	if historyBytes > h.bytes {
		drop = max(drop, (len(h.seen)+1)/2)
	}
	if drop == 0 {
		return 0
	}
	target := h.seen[drop-1].rev
	h.seen = append(h.seen[:0], h.seen[drop:]...)
	return target
}

// compactHistory forgets what is older than the configuration says.
func (m *Member) compactHistory(ctx context.Context, h *historyKeeper, now time.Time) {
	st := m.state.Stats()
	target := h.target(now, st.Revision, st.Bytes-st.LiveBytes)
	if target <= st.Compacted {
		return
	}
	_, err := m.proposals.propose(ctx, &storev1.Command{Command: &storev1.Command_Compact{
		Compact: &storev1.CompactRequest{Revision: target},
	}})
	if err != nil && ctx.Err() == nil {
		m.log.Warn("compaction failed and will be tried again", "revision", target, "error", err)
	}
}

// freeChunk bounds for how long freeing what was compacted holds up reads and writes: some hundred microseconds.
const freeChunk = 256

// compacted is called as a compaction is applied.
func (m *Member) compacted() {
	select {
	case m.freeing <- struct{}{}:
	default:
	}
}

// free frees what was compacted until ctx ends, a little at a time.
func (m *Member) free(ctx context.Context) {
	for {
		select {
		case <-m.freeing:
		case <-ctx.Done():
			return
		}
		for m.state.Free(freeChunk) && ctx.Err() == nil {
		}
	}
}

// Compact implements Store.
func (m *Member) Compact(ctx context.Context, req *storev1.CompactRequest) (*storev1.CompactResponse, error) {
	return route(ctx, m, func() (*storev1.CompactResponse, error) {
		r, err := m.proposals.propose(ctx, &storev1.Command{Command: &storev1.Command_Compact{
			Compact: &storev1.CompactRequest{Revision: req.GetRevision()},
		}})
		return r.Compact, err
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.CompactResponse, error) {
		return c.Compact(ctx, req)
	})
}
