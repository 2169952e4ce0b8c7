package raftstore_test

import (
	"testing"
	"time"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/conformance"
)

func TestMemoryConformance(t *testing.T) {
	conformance.Run(t, func(*testing.T) raftstore.Store { return raftstore.NewMemory() })
}

func TestMemoryWatchers(t *testing.T) {
	conformance.Watchers(t, raftstore.NewMemory(), 50)
}

func TestSingleMemberConformance(t *testing.T) {
	c := newCluster(t, 1, nil)
	leader := c.leader()
	conformance.Run(t, func(*testing.T) raftstore.Store { return leader })
	conformance.Watchers(t, leader, 50)
}

func TestThreeMembersConformance(t *testing.T) {
	// Slow to elect: a change of the leader in the middle leaves outcomes unknown, which the suite takes for faults.
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.HeartbeatTimeout = 2 * time.Second })
	t.Run("Leader", func(t *testing.T) {
		leader := c.leader()
		conformance.Run(t, func(*testing.T) raftstore.Store { return leader })
	})
	t.Run("Follower", func(t *testing.T) {
		follower := c.followers()[0]
		conformance.Run(t, func(*testing.T) raftstore.Store { return follower })
		conformance.Watchers(t, follower, 20)
	})
	t.Run("Client", func(t *testing.T) {
		client := c.client()
		conformance.Run(t, func(*testing.T) raftstore.Store { return client })
		conformance.Watchers(t, client, 20)
	})
}
