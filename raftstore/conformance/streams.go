package conformance

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// fill writes n keys of size bytes each.
func (e *env) fill(n, size int) {
	e.Helper()
	value := string(bytes.Repeat([]byte("x"), size))
	req := &storev1.TxnRequest{}
	for i := range n {
		req.Success = append(req.Success, put(e.key(fmt.Sprintf("%05d", i)), value, 0))
		if len(req.Success) == 128 || i == n-1 {
			e.txn(req)
			req = &storev1.TxnRequest{}
		}
	}
}

// stream reads a range in pieces, and checks that they fit together.
func (e *env) stream(req *storev1.RangeRequest, visit func(*storev1.RangeResponse)) (all *storev1.RangeResponse) {
	e.Helper()
	for piece, err := range e.store.RangeStream(e.ctx, req) {
		if err != nil {
			e.Fatalf("RangeStream: %v", err)
		}
		if all == nil {
			all = &storev1.RangeResponse{Revision: piece.Revision}
		}
		if piece.Revision != all.Revision {
			e.Fatalf("a piece of revision %d after one of revision %d", piece.Revision, all.Revision)
		}
		if all.More || all.Count > 0 {
			e.Fatal("a piece after the last one")
		}
		all.Kvs, all.More, all.Count = append(all.Kvs, piece.Kvs...), piece.More, piece.Count
		if visit != nil {
			visit(piece)
		}
	}
	if all == nil {
		e.Fatal("RangeStream gave neither a piece nor an error")
	}
	return all
}

// rangeStream compares what comes in pieces with what Range gives.
func rangeStream(e *env) {
	const keys = 100
	e.fill(keys, 16<<10)
	key, end := e.all()
	for _, req := range []*storev1.RangeRequest{
		{Key: key, RangeEnd: end},
		{Key: key, RangeEnd: end, Limit: 60},
		{Key: key, RangeEnd: end, Limit: keys},
		{Key: key, RangeEnd: end, Limit: keys + 1},
		{Key: key, RangeEnd: end, KeysOnly: true},
		{Key: key, RangeEnd: end, CountOnly: true},
		{Key: e.key("00007")},
		{Key: e.key("none")},
		{Key: e.key("00050"), RangeEnd: end},
	} {
		want, pieces := e.rng(req), 0
		got := e.stream(req, func(*storev1.RangeResponse) { pieces++ })
		if len(got.Kvs) != len(want.Kvs) || got.More != want.More || got.Count != want.Count || got.Revision != want.Revision {
			e.Fatalf("%v: %d keys of %d at %d, more %t; Range gives %d of %d at %d, more %t", req,
				len(got.Kvs), got.Count, got.Revision, got.More, len(want.Kvs), want.Count, want.Revision, want.More)
		}
		for i, kv := range got.Kvs {
			if w := want.Kvs[i]; !bytes.Equal(kv.Key, w.Key) || !bytes.Equal(kv.Value, w.Value) || kv.ModRevision != w.ModRevision || kv.Version != w.Version {
				e.Fatalf("%v: key %d is %s@%d, want %s@%d", req, i, kv.Key, kv.ModRevision, w.Key, w.ModRevision)
			}
		}
		if len(got.Kvs) == keys && !req.KeysOnly && pieces < 3 {
			e.Fatalf("%v: 1.6 MiB came in %d pieces", req, pieces)
		}
	}
	// Whoever has seen enough ends it.
	for _, err := range e.store.RangeStream(e.ctx, &storev1.RangeRequest{Key: key, RangeEnd: end}) {
		if err != nil {
			e.Fatal(err)
		}
		break
	}
}

// rangeStreamAtOneRevision writes while a range is read: what is read is from before.
func rangeStreamAtOneRevision(e *env) {
	e.fill(100, 16<<10)
	key, end := e.all()
	var last int64
	got := e.stream(&storev1.RangeRequest{Key: key, RangeEnd: end}, func(*storev1.RangeResponse) {
		e.put("00099", "late")
		e.put("00100", "late")
		last = e.del("00098")
	})
	if len(got.Kvs) != 100 {
		e.Fatalf("got %d keys", len(got.Kvs))
	}
	for _, kv := range got.Kvs {
		if kv.ModRevision > got.Revision || string(kv.Value) == "late" {
			e.Fatalf("%s is of revision %d, in a range at %d", kv.Key, kv.ModRevision, got.Revision)
		}
	}
	if again := e.stream(&storev1.RangeRequest{Key: key, RangeEnd: end, Revision: got.Revision}, nil); len(again.Kvs) != 100 || string(again.Kvs[99].Value) == "late" {
		e.Fatalf("at revision %d again: %d keys", got.Revision, len(again.Kvs))
	}
	if _, err := e.store.Compact(e.ctx, &storev1.CompactRequest{Revision: last}); err != nil {
		e.Fatal(err)
	}
	// Who serves it may have the history for a moment longer.
	for {
		err := e.streamError(e.ctx, &storev1.RangeRequest{Key: key, RangeEnd: end, Revision: got.Revision})
		if err != nil {
			e.wantError(err, raftstore.ErrCompacted)
			return
		}
	}
}

func rangeStreamRefusals(e *env) {
	rev := e.put("a", "1")
	e.wantStreamError(e.ctx, &storev1.RangeRequest{Key: e.key("a"), Revision: rev + 1000}, raftstore.ErrFutureRevision)
	e.wantStreamError(e.ctx, &storev1.RangeRequest{}, raftstore.ErrInvalid)
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	e.wantStreamError(ctx, &storev1.RangeRequest{Key: e.key("a")}, context.Canceled)
}

func (e *env) wantStreamError(ctx context.Context, req *storev1.RangeRequest, want error) {
	e.Helper()
	e.wantError(e.streamError(ctx, req), want)
}

// streamError is the error that a range in pieces ends with; nil when it ends well.
func (e *env) streamError(ctx context.Context, req *storev1.RangeRequest) (last error) {
	e.Helper()
	for _, err := range e.store.RangeStream(ctx, req) {
		if last != nil {
			e.Fatalf("something came after %v", last)
		}
		last = err
	}
	return last
}

// rangeMaxStaleness: with no age allowed a read sees all that was acknowledged before it; with some it may.
func rangeMaxStaleness(e *env) {
	var rev int64
	for i := range 20 {
		rev = e.put("a", fmt.Sprint(i))
		now := &storev1.RangeRequest{Key: e.key("a"), MaxStaleness: durationpb.New(0)}
		if got := e.rng(now); got.Revision != rev || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != fmt.Sprint(i) {
			e.Fatalf("revision %d was acknowledged, then %v was read", rev, got)
		}
		if got := e.stream(now, nil); got.Revision != rev || len(got.Kvs) != 1 {
			e.Fatalf("revision %d was acknowledged, then %v came in pieces", rev, got)
		}
		if got := e.rng(&storev1.RangeRequest{Key: e.key("a"), MaxStaleness: durationpb.New(time.Minute)}); got.Revision > rev {
			e.Fatalf("read revision %d, when %d was the newest", got.Revision, rev)
		}
	}
	for _, req := range []*storev1.RangeRequest{
		{Key: e.key("a"), MaxStaleness: durationpb.New(time.Second), Serializable: true},
		{Key: e.key("a"), MaxStaleness: durationpb.New(-time.Second)},
	} {
		_, err := e.store.Range(e.ctx, req)
		e.wantError(err, raftstore.ErrInvalid)
		e.wantStreamError(e.ctx, req, raftstore.ErrInvalid)
	}
}
