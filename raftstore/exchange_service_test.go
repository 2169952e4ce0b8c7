package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// TestManyCallersOfOneClient has many callers, of whom some lose patience, write and read by one client of a follower and one of the leader, while
// leadership moves. What was acknowledged must be there, what was refused must not.
func TestManyCallersOfOneClient(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	_, tls := c.tls("system:apiserver")
	pinned := raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{c.followers()[0].address}, TLS: tls})
	t.Cleanup(pinned.Close)
	stores := []raftstore.Store{c.client(), pinned}
	ctx, stop := context.WithCancel(t.Context())
	var acked, refused, unknown sync.Map
	var count atomic.Int64
	var wg sync.WaitGroup
	for w := range 60 {
		store, rnd := stores[w%2], rand.New(rand.NewPCG(uint64(w), 3))
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("/many/%d/%d", w, i)
				callCtx, cancel := context.WithCancel(context.Background())
				if rnd.IntN(4) == 0 {
					time.AfterFunc(time.Duration(rnd.IntN(5000))*time.Microsecond, cancel)
				}
				_, err := store.Txn(callCtx, putReq(key, "v"))
				switch {
				case err == nil:
					acked.Store(key, true)
					count.Add(1)
					if res, err := store.Range(callCtx, &storev1.RangeRequest{Key: []byte(key)}); err == nil && (len(res.Kvs) != 1 || string(res.Kvs[0].Key) != key) {
						t.Errorf("%s is acknowledged and reads as %v", key, res)
					}
				case errors.Is(err, raftstore.ErrOutcomeUnknown), errors.Is(err, context.Canceled):
					unknown.Store(key, true)
				case errors.Is(err, raftstore.ErrUnavailable):
					refused.Store(key, true)
				default:
					t.Errorf("%s: %v", key, err)
				}
				cancel()
			}
		})
	}
	admin := c.client()
	for round := range 4 {
		reached := count.Load() + 300
		c.waitFor(fmt.Sprintf("round %d", round), func() bool { return count.Load() > reached })
		if _, err := admin.MoveLeader(ctx, &storev1.MoveLeaderRequest{}); err != nil && !errors.Is(err, raftstore.ErrRefused) && !errors.Is(err, raftstore.ErrOutcomeUnknown) {
			t.Errorf("MoveLeader: %v", err)
		}
	}
	stop()
	wg.Wait()
	there := map[string]bool{}
	res, err := admin.Range(timeout(t), &storev1.RangeRequest{Key: []byte("/many/"), RangeEnd: raftstore.Prefix([]byte("/many/")), KeysOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range res.Kvs {
		there[string(kv.Key)] = true
	}
	acked.Range(func(key, _ any) bool {
		if !there[key.(string)] {
			t.Errorf("%s was acknowledged and is gone", key)
		}
		return true
	})
	refused.Range(func(key, _ any) bool {
		if there[key.(string)] {
			t.Errorf("%s was refused and is there", key)
		}
		return true
	})
	c.sameEverywhere()
}

// TestLargeValuesByOneClient reads and writes values that do not go by an exchange beside such that do.
func TestLargeValuesByOneClient(t *testing.T) {
	client := newCluster(t, 1, nil).client()
	var wg sync.WaitGroup
	for i, size := range []int{10, 63 << 10, 65 << 10, 1 << 20} {
		for w := range 3 {
			wg.Go(func() {
				key := fmt.Sprintf("/large/%d/%d", i, w)
				value := string(make([]byte, size))
				for range 3 {
					if _, err := client.Txn(timeout(t), putReq(key, value)); err != nil {
						t.Errorf("%s: %v", key, err)
					}
					res, err := client.Range(timeout(t), &storev1.RangeRequest{Key: []byte(key)})
					if err != nil || len(res.Kvs) != 1 || len(res.Kvs[0].Value) != size {
						t.Errorf("%s: %v", key, err)
					}
				}
			})
		}
	}
	wg.Wait()
}

// TestStoppedLeaderLeavesExchanges stops a leader as an operator does, under load: callers go on with the next one, and hear of nothing
// but outcomes that are open.
func TestStoppedLeaderLeavesExchanges(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	client := c.client()
	ctx, stop := context.WithCancel(t.Context())
	var done atomic.Int64
	var wg sync.WaitGroup
	for w := range 20 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := client.Txn(context.Background(), putReq(fmt.Sprintf("/stop/%d/%d", w, i), "v"))
				if err != nil && !errors.Is(err, raftstore.ErrOutcomeUnknown) {
					t.Errorf("%v", err)
				}
				if err == nil {
					done.Add(1)
				}
			}
		})
	}
	c.waitFor("writes", func() bool { return done.Load() > 200 })
	leader.stop()
	if err := <-leader.served; err != nil {
		t.Error(err)
	}
	leader.ShutDown()
	leader.stop = nil
	reached := done.Load() + 200
	c.waitFor("writes under another leader", func() bool { return done.Load() > reached })
	stop()
	wg.Wait()
}
