package raftstore_test

import (
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// TestLeaderThatEndedIsSucceededAtOnce: with a heartbeat timeout that no test lives to see, the only election after the first is that
// of a member that found out that the leader's process has ended.
func TestLeaderThatEndedIsSucceededAtOnce(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.HeartbeatTimeout = time.Hour })
	first := c.nodes[0]
	if err := first.Stand(); err != nil {
		t.Fatal(err)
	}
	c.leader(first)
	rev := c.put(first, "k", "1")
	for _, nd := range c.nodes[1:] {
		c.waitFor("the write at "+nd.id, func() bool {
			st, err := nd.Status(t.Context(), &storev1.StatusRequest{})
			return err == nil && st.Revision >= rev
		})
	}
	// As when a process ends: nobody listens any more, and the connections break.
	first.listener.Close()
	first.ShutDown()
	first.stop()
	<-first.served // With an error about the listener.
	first.stop = nil
	second := c.leader(c.nodes[1:]...)
	c.put(second, "k", "2")
	if got := c.get(c.nodes[2], "k"); got != "2" {
		t.Errorf("read %q, want 2", got)
	}
}
