package raftstore_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// follower watches the keys of a history from the first revision on, through everything that happens, and remembers what it is told.
type follower struct {
	testing.TB
	name   string
	store  raftstore.Store
	events []*storev1.Event
	told   atomic.Int64
}

// run follows until ctx ends. A watch that its member gives up begins again where it was.
func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := f.store.Watch(ctx, &storev1.WatchRequest{Key: []byte("/"), RangeEnd: []byte("0"), StartRevision: f.told.Load() + 1, Progress: true})
		for err == nil {
			var res *storev1.WatchResponse
			if res, err = w.Recv(); err == nil {
				f.take(res)
			}
		}
		if ctx.Err() == nil && !errors.Is(err, raftstore.ErrUnavailable) {
			f.Errorf("%s: watch ended: %v", f.name, err)
			return
		}
	}
}

func (f *follower) take(res *storev1.WatchResponse) {
	told := f.told.Load()
	for _, e := range res.Events {
		if rev := e.Kv.ModRevision; rev <= told || rev > res.Revision {
			f.Errorf("%s: told of revision %d in an answer up to %d, after %d", f.name, rev, res.Revision, told)
		}
		f.events = append(f.events, e)
	}
	f.told.Store(max(told, res.Revision))
}

// reached is the revision up to which the follower was told everything.
func (f *follower) reached() int64 { return f.told.Load() }

// check compares what was told with what a member has, up to where the follower got.
func (f *follower) check(all []*storev1.Event) {
	f.Helper()
	i := 0
	for _, want := range all {
		if want.Kv.ModRevision > f.reached() {
			break
		}
		if i >= len(f.events) {
			f.Errorf("%s: was told up to revision %d, and nothing of %d (%s)", f.name, f.reached(), want.Kv.ModRevision, want.Kv.Key)
			return
		}
		got := f.events[i]
		if got.Kv.ModRevision != want.Kv.ModRevision || string(got.Kv.Key) != string(want.Kv.Key) || string(got.Kv.Value) != string(want.Kv.Value) || got.Type != want.Type {
			f.Errorf("%s: event %d is %v, and should be %v", f.name, i, got, want)
			return
		}
		i++
	}
	if i != len(f.events) {
		f.Errorf("%s: was told of %d changes, of which %d happened", f.name, len(f.events), i)
	}
}
