package watchcache_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// cuttable is a store whose watches can be cut, and kept from coming back.
type cuttable struct {
	raftstore.Store
	mu     sync.Mutex
	away   bool
	cancel []context.CancelFunc
}

func (c *cuttable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = true
	for _, cancel := range c.cancel {
		cancel()
	}
	c.cancel = nil
}

func (c *cuttable) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = false
}

type cuttableWatch struct {
	raftstore.Watcher
	parent context.Context
}

// Recv tells a cut as the loss of a member.
func (w cuttableWatch) Recv() (*storev1.WatchResponse, error) {
	resp, err := w.Watcher.Recv()
	if errors.Is(err, context.Canceled) && w.parent.Err() == nil {
		return nil, raftstore.ErrUnavailable
	}
	return resp, err
}

func (c *cuttable) Watch(ctx context.Context, req *storev1.WatchRequest) (raftstore.Watcher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away {
		return nil, raftstore.ErrUnavailable
	}
	inner, cancel := context.WithCancel(ctx)
	c.cancel = append(c.cancel, cancel)
	w, err := c.Store.Watch(inner, req)
	return cuttableWatch{w, ctx}, err
}

func TestTheWatchOfTheStoreIsResumedWithoutAGap(t *testing.T) {
	store := &cuttable{Store: raftstore.NewMemory()}
	f := start(t, store, watchcache.Config{})
	defer f.stop()
	w, _ := f.cache.WatchNow(selection(t, "", ""))
	defer w.Stop()
	store.cut()
	write(t, store, map[string]*corev1.Pod{"a": pod("a", "", nil)})
	write(t, store, map[string]*corev1.Pod{"a": nil})
	store.heal()
	for seen := 0; seen < 2; {
		changes, err := w.Next(f.ctx, nil)
		if err != nil {
			t.Fatalf("after %d changes: %v", seen, err)
		}
		seen += len(changes)
	}
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
}

// When the store has forgotten what happened meanwhile, watchers must list again: those that are up to date, and
// those that are behind.
func TestALostHistoryEndsWatches(t *testing.T) {
	store := &cuttable{Store: raftstore.NewMemory()}
	f := start(t, store, watchcache.Config{})
	defer f.stop()
	first := write(t, store, map[string]*corev1.Pod{"a": pod("a", "", nil)})
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	current, _ := f.cache.WatchNow(selection(t, "", ""))
	defer current.Stop()
	tick := closedTick()
	if _, err := current.Next(f.ctx, tick); err != nil { // joins
		t.Fatal(err)
	}
	behind, _ := f.cache.WatchNow(selection(t, "", ""))
	defer behind.Stop()
	store.cut()
	write(t, store, map[string]*corev1.Pod{"a": nil, "b": pod("b", "", nil)})
	last := write(t, store, map[string]*corev1.Pod{"c": pod("c", "", nil)})
	if _, err := store.Compact(f.ctx, &storev1.CompactRequest{Revision: last}); err != nil {
		t.Fatal(err)
	}
	store.heal()
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*watchcache.Watcher{"current": current, "behind": behind} {
		if _, err := w.Next(f.ctx, nil); !apierror.IsExpired(err) {
			t.Errorf("the watcher that was %s ended with %v", name, err)
		}
	}
	if _, err := f.cache.WatchFrom(selection(t, "", ""), first); !apierror.IsExpired(err) {
		t.Errorf("WatchFrom before the gap: %v", err)
	}
	if got := names(f.cache.List(selection(t, "", ""), "", 0)); len(got) != 2 || got["a"] != 0 {
		t.Errorf("after the gap the list shows %v", got)
	}
}
