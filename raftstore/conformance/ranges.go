package conformance

import (
	"context"
	"fmt"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func putGet(e *env) {
	if kv := e.get("a"); kv != nil {
		e.Fatalf("found %v before it was written", kv)
	}
	r1 := e.put("a", "1")
	r2 := e.put("a", "2")
	if r2 != r1+1 {
		e.Fatalf("revisions %d, %d, want one apart", r1, r2)
	}
	kv := e.get("a")
	if string(kv.GetValue()) != "2" || kv.CreateRevision != r1 || kv.ModRevision != r2 || kv.Version != 2 || kv.Lease != 0 {
		e.Fatalf("got %v, want value 2, revisions %d and %d, version 2", kv, r1, r2)
	}
}

func rangeOrderLimitMore(e *env) {
	for _, i := range []int{5, 1, 4, 2, 3} {
		e.put(fmt.Sprintf("k%d", i), fmt.Sprint(i))
	}
	key, end := e.all()
	res := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end})
	if len(res.Kvs) != 5 || res.Count != 5 || res.More {
		e.Fatalf("got %d keys, count %d, more %t", len(res.Kvs), res.Count, res.More)
	}
	for i, kv := range res.Kvs {
		if want := fmt.Sprint(i + 1); string(kv.Value) != want {
			e.Fatalf("key %d is %q, want %q", i, kv.Value, want)
		}
	}
	res = e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, Limit: 2})
	if len(res.Kvs) != 2 || res.Count != 5 || !res.More {
		e.Fatalf("limit 2: got %d keys, count %d, more %t", len(res.Kvs), res.Count, res.More)
	}
	res = e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, Limit: 5})
	if len(res.Kvs) != 5 || res.More {
		e.Fatalf("limit 5: got %d keys, more %t", len(res.Kvs), res.More)
	}
	res = e.rng(&storev1.RangeRequest{Key: e.key("k2"), RangeEnd: e.key("k4")})
	if len(res.Kvs) != 2 || string(res.Kvs[0].Value) != "2" || string(res.Kvs[1].Value) != "3" {
		e.Fatalf("[k2, k4): got %v", res.Kvs)
	}
	res = e.rng(&storev1.RangeRequest{Key: e.key("k5"), RangeEnd: []byte{0}, Limit: 1})
	if len(res.Kvs) != 1 || string(res.Kvs[0].Value) != "5" {
		e.Fatalf("[k5, end): got %v", res.Kvs)
	}
}

func rangeKeysOnlyCountOnly(e *env) {
	e.put("a", "1")
	rev := e.put("b", "2")
	key, end := e.all()
	res := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, KeysOnly: true})
	if len(res.Kvs) != 2 || len(res.Kvs[1].Value) != 0 || res.Kvs[1].ModRevision != rev {
		e.Fatalf("keys only: got %v", res.Kvs)
	}
	res = e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, CountOnly: true})
	if len(res.Kvs) != 0 || res.Count != 2 || res.More {
		e.Fatalf("count only: got %v", res)
	}
	if kv := e.get("b"); string(kv.Value) != "2" {
		e.Fatalf("asking for keys alone took the value away: %v", kv)
	}
}

func rangeAtOldRevision(e *env) {
	r1 := e.put("a", "1")
	e.put("b", "1")
	r3 := e.put("a", "2")
	r4 := e.del("a")
	key, end := e.all()
	for _, tc := range []struct {
		rev  int64
		want string
	}{{r1, "a=1 "}, {r1 + 1, "a=1 b=1 "}, {r3, "a=2 b=1 "}, {r4, "b=1 "}} {
		res := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, Revision: tc.rev})
		var got string
		for _, kv := range res.Kvs {
			got += fmt.Sprintf("%s=%s ", kv.Key[len(key):], kv.Value)
		}
		if got != tc.want || res.Count != int64(len(res.Kvs)) {
			e.Fatalf("at %d: got %q, count %d, want %q", tc.rev, got, res.Count, tc.want)
		}
	}
}

func rangeRefusals(e *env) {
	rev := e.put("a", "1")
	_, err := e.store.Range(e.ctx, &storev1.RangeRequest{Key: e.key("a"), Revision: rev + 1000})
	e.wantError(err, raftstore.ErrFutureRevision)
	_, err = e.store.Range(e.ctx, &storev1.RangeRequest{})
	e.wantError(err, raftstore.ErrInvalid)
	_, err = e.store.Range(e.ctx, &storev1.RangeRequest{Key: e.key("a"), Revision: -1})
	e.wantError(err, raftstore.ErrInvalid)
}

func compact(e *env) {
	r1 := e.put("a", "1")
	r2 := e.put("a", "2")
	e.put("b", "1")
	r4 := e.del("b")
	r5 := e.put("c", "1")
	res, err := e.store.Compact(e.ctx, &storev1.CompactRequest{Revision: r4})
	if err != nil || res.CompactRevision != r4 {
		e.Fatalf("Compact: %v, %v", res, err)
	}
	for _, old := range []int64{r1, r2, r4 - 1} {
		_, err = e.store.Range(e.ctx, &storev1.RangeRequest{Key: e.key("a"), Revision: old})
		e.wantError(err, raftstore.ErrCompacted)
	}
	key, end := e.all()
	if got := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end, Revision: r4}); len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "2" {
		e.Fatalf("at the compacted revision: %v", got.Kvs)
	}
	if got := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end}); len(got.Kvs) != 2 {
		e.Fatalf("newest: %v", got.Kvs)
	}
	e.wantCompactedWatch(&storev1.WatchRequest{Key: key, RangeEnd: end, StartRevision: r4 - 1})

	w, _ := e.watch(e.ctx, &storev1.WatchRequest{Key: key, RangeEnd: end, StartRevision: r4})
	events := e.collect(w, 2)
	if events[0].Type != storev1.EventType_EVENT_TYPE_DELETE || events[0].Kv.ModRevision != r4 || events[1].Kv.ModRevision != r5 {
		e.Fatalf("watch from the compacted revision: %v", events)
	}
	// Less than what is compacted is no error, the future is.
	if res, err = e.store.Compact(e.ctx, &storev1.CompactRequest{Revision: r1}); err != nil || res.CompactRevision != r4 {
		e.Fatalf("compacting less: %v, %v", res, err)
	}
	_, err = e.store.Compact(e.ctx, &storev1.CompactRequest{Revision: r5 + 1000})
	e.wantError(err, raftstore.ErrFutureRevision)
}

func status(e *env) {
	first := e.put("b", "1")
	before := e.statusAt(first)
	rev := e.put("a", "12345")
	after := e.statusAt(rev)
	if after.Revision != rev || after.Keys != before.Keys+1 || after.Bytes != before.Bytes+int64(len(e.key("a"))+5) {
		e.Fatalf("before %v, after %v", before, after)
	}
	if after.LeaderId == "" || len(after.Members) == 0 {
		e.Fatalf("no leader or members in %v", after)
	}
}

// statusAt waits until the store is seen to have applied a revision: Status may be of a member that lags.
func (e *env) statusAt(rev int64) *storev1.StatusResponse {
	e.Helper()
	for {
		st, err := e.store.Status(e.ctx, &storev1.StatusRequest{})
		if err != nil {
			e.Fatal(err)
		}
		if st.Revision >= rev {
			return st
		}
	}
}

// wantCompactedWatch waits until a watch is refused: who serves it may have the history for a moment longer.
func (e *env) wantCompactedWatch(req *storev1.WatchRequest) {
	e.Helper()
	for {
		ctx, cancel := context.WithCancel(e.ctx)
		w, err := e.store.Watch(ctx, req)
		if err == nil {
			_, err = w.Recv()
		}
		cancel()
		if err != nil {
			e.wantError(err, raftstore.ErrCompacted)
			return
		}
	}
}
