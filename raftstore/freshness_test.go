package raftstore_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func within(key string, bound time.Duration) *storev1.RangeRequest {
	return &storev1.RangeRequest{Key: []byte(key), MaxStaleness: durationpb.New(bound)}
}

// TestBoundedReadsNeedProof: a follower that is cut off answers from its own state for as long as it has proof of the state's age, and not
// when it would need to ask.
func TestBoundedReadsNeedProof(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) {
		// Slow to elect, so that a busy machine changes no leader.
		cfg.LeaderWait, cfg.HeartbeatTimeout = time.Second, 2*time.Second
	})
	follower := c.followers()[0]
	for _, value := range []string{"1", "2", "3"} {
		c.put(c.leader(), "/k", value)
		res, err := follower.Range(timeout(t), within("/k", 0))
		if err != nil || len(res.Kvs) != 1 || string(res.Kvs[0].Value) != value {
			t.Fatalf("after %s was acknowledged the follower reads %v, %v", value, res, err)
		}
	}
	for _, nd := range c.nodes {
		if nd != follower {
			c.kill(nd)
		}
	}
	if res, err := follower.Range(timeout(t), within("/k", time.Hour)); err != nil || string(res.Kvs[0].Value) != "3" {
		t.Fatalf("with proof that is new enough: %v, %v", res, err)
	}
	if res, err := follower.Range(timeout(t), within("/k", time.Nanosecond)); !errors.Is(err, raftstore.ErrUnavailable) {
		t.Fatalf("without a leader to ask: %v, %v", res, err)
	}
	for _, err := range follower.RangeStream(timeout(t), within("/k", 0)) {
		if !errors.Is(err, raftstore.ErrUnavailable) {
			t.Fatalf("in pieces, without a leader to ask: %v", err)
		}
	}
}
