package raftstore

import (
	"context"
	"time"
)

// removalLook is how long a member is without a leader before it asks the others whether it is still one of them.
const removalLook = 5 * time.Second

// awaitRemoval returns true once this member has been put out of the store, false when ctx ends. Nobody tells a member that was down when it was removed,
// and Raft ends only a leader that is: a follower stays without a leader for ever. So it asks.
func (m *Member) awaitRemoval(ctx context.Context) bool {
	tick := time.NewTicker(removalLook)
	defer tick.Stop()
	led := true
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		was := led
		led = m.leaderAddress() != ""
		if !led && !was && m.removed(ctx) {
			return true
		}
	}
}

// removed asks the members this one knows of for a leader that does not know this one. A member that waits to be let in knows nobody. An earlier leader
// than this one has heard of says nothing; should a later one take the removal back, then a restart is all that is needed.
func (m *Member) removed(ctx context.Context) bool {
	for _, other := range m.members() {
		if other.Id == m.cfg.ID {
			continue
		}
		st, err := m.statusOf(ctx, other)
		if err != nil || st.LeaderId != st.MemberId || st.Term < m.raft.CurrentTerm() {
			continue
		}
		for _, known := range st.Members {
			if known.Id == m.cfg.ID {
				return false
			}
		}
		m.log.Error("this member was removed from the store", "leader", st.LeaderId, "term", st.Term)
		return true
	}
	return false
}
