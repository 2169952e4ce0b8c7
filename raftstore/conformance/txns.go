package conformance

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/mvcc"
)

func txnCompares(e *env) {
	create := e.put("a", "m")
	mod := e.put("a", "m")
	version := func(v int64) *storev1.Compare { return &storev1.Compare{Target: &storev1.Compare_Version{Version: v}} }
	created := func(v int64) *storev1.Compare {
		return &storev1.Compare{Target: &storev1.Compare_CreateRevision{CreateRevision: v}}
	}
	modified := func(v int64) *storev1.Compare {
		return &storev1.Compare{Target: &storev1.Compare_ModRevision{ModRevision: v}}
	}
	value := func(v string) *storev1.Compare {
		return &storev1.Compare{Target: &storev1.Compare_Value{Value: []byte(v)}}
	}
	lease := func(v int64) *storev1.Compare { return &storev1.Compare{Target: &storev1.Compare_Lease{Lease: v}} }
	// For each: does = hold, does > hold, does < hold.
	for i, tc := range []struct {
		key  string
		c    *storev1.Compare
		sign int
	}{
		{"a", version(2), 0}, {"a", version(1), 1}, {"a", version(3), -1},
		{"a", created(create), 0}, {"a", created(create - 1), 1}, {"a", created(create + 1), -1},
		{"a", modified(mod), 0}, {"a", modified(create), 1}, {"a", modified(mod + 1), -1},
		{"a", value("m"), 0}, {"a", value("a"), 1}, {"a", value("z"), -1},
		{"a", lease(0), 0}, {"a", lease(7), -1},
		{"none", version(0), 0}, {"none", modified(0), 0}, {"none", created(1), -1}, {"none", lease(0), 0},
	} {
		for op, want := range map[storev1.CompareOperator]bool{
			storev1.CompareOperator_COMPARE_OPERATOR_UNSPECIFIED: tc.sign == 0,
			storev1.CompareOperator_COMPARE_OPERATOR_EQUAL:       tc.sign == 0,
			storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL:   tc.sign != 0,
			storev1.CompareOperator_COMPARE_OPERATOR_GREATER:     tc.sign > 0,
			storev1.CompareOperator_COMPARE_OPERATOR_LESS:        tc.sign < 0,
		} {
			tc.c.Key, tc.c.Operator = e.key(tc.key), op
			if got := e.txn(&storev1.TxnRequest{Compares: []*storev1.Compare{tc.c}}).Succeeded; got != want {
				e.Errorf("case %d: %v: got %t, want %t", i, tc.c, got, want)
			}
		}
	}
	// An absent key differs from every value, the empty one too.
	for op, want := range map[storev1.CompareOperator]bool{
		storev1.CompareOperator_COMPARE_OPERATOR_EQUAL: false, storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL: true,
		storev1.CompareOperator_COMPARE_OPERATOR_GREATER: false, storev1.CompareOperator_COMPARE_OPERATOR_LESS: false,
	} {
		c := value("")
		c.Key, c.Operator = e.key("none"), op
		if got := e.txn(&storev1.TxnRequest{Compares: []*storev1.Compare{c}}).Succeeded; got != want {
			e.Errorf("absent key %s empty value: got %t, want %t", op, got, want)
		}
	}
}

func txnBranches(e *env) {
	absent := []*storev1.Compare{{Key: e.key("a"), Target: &storev1.Compare_ModRevision{}}}
	req := &storev1.TxnRequest{
		Compares: absent,
		Success:  ops(put(e.key("a"), "1", 0)),
		Failure:  ops(rangeOp(e.key("a"), nil)),
	}
	first := e.txn(req)
	if !first.Succeeded || first.Results[0].GetPut() == nil || first.Results[0].GetPut().Previous != nil {
		e.Fatalf("first: %v", first)
	}
	second := e.txn(req)
	if second.Succeeded || second.Revision != first.Revision || string(second.Results[0].GetRange().GetKvs()[0].Value) != "1" {
		e.Fatalf("second: %v", second)
	}
}

func txnOneRevision(e *env) {
	e.put("old", "1")
	key, end := e.all()
	before := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end}).Revision
	res := e.txn(&storev1.TxnRequest{Success: ops(
		rangeOp(key, end),
		put(e.key("x"), "1", 0),
		put(e.key("y"), "2", 0),
		del(e.key("old"), nil),
		rangeOp(key, end),
	)})
	if res.Revision != before+1 {
		e.Fatalf("revision %d, want %d", res.Revision, before+1)
	}
	if n := len(res.Results[0].GetRange().Kvs); n != 1 {
		e.Fatalf("range before the writes saw %d keys", n)
	}
	if d := res.Results[3].GetDelete(); d.Deleted != 1 || string(d.Previous[0].Value) != "1" {
		e.Fatalf("delete: %v", d)
	}
	last := res.Results[4].GetRange()
	if len(last.Kvs) != 2 || last.Kvs[0].ModRevision != res.Revision || last.Kvs[1].ModRevision != res.Revision || last.Revision != res.Revision {
		e.Fatalf("range after the writes saw %v", last)
	}
}

func txnWithoutWritesKeepsRevision(e *env) {
	rev := e.put("a", "1")
	if got := e.del("none"); got != rev {
		e.Fatalf("deleting nothing moved the revision from %d to %d", rev, got)
	}
	if got := e.txn(&storev1.TxnRequest{}); got.Revision != rev || !got.Succeeded {
		e.Fatalf("the empty transaction: %v", got)
	}
	if got := e.put("b", "1"); got != rev+1 {
		e.Fatalf("next write has revision %d, want %d", got, rev+1)
	}
}

func txnRefusals(e *env) {
	a := e.key("a")
	long := []byte(strings.Repeat("k", mvcc.MaxKeyBytes+1))
	many := make([]*storev1.Op, mvcc.MaxOps+1)
	for i := range many {
		many[i] = put(e.key(strconv.Itoa(i)), "", 0)
	}
	big := &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: a, Value: make([]byte, mvcc.MaxValueBytes+1)}}}
	for name, tc := range map[string]struct {
		req  *storev1.TxnRequest
		want error
	}{
		"empty key":       {&storev1.TxnRequest{Success: ops(put(nil, "1", 0))}, raftstore.ErrInvalid},
		"long key":        {&storev1.TxnRequest{Success: ops(put(long, "1", 0))}, raftstore.ErrInvalid},
		"large value":     {&storev1.TxnRequest{Success: ops(big)}, raftstore.ErrInvalid},
		"put twice":       {&storev1.TxnRequest{Success: ops(put(a, "1", 0), put(a, "2", 0))}, raftstore.ErrInvalid},
		"put and deleted": {&storev1.TxnRequest{Failure: ops(put(a, "1", 0), del(e.key(""), []byte{0}))}, raftstore.ErrInvalid},
		"no step":         {&storev1.TxnRequest{Success: ops(&storev1.Op{})}, raftstore.ErrInvalid},
		"no target":       {&storev1.TxnRequest{Compares: []*storev1.Compare{{Key: a}}}, raftstore.ErrInvalid},
		"compare key":     {&storev1.TxnRequest{Compares: []*storev1.Compare{{Target: &storev1.Compare_Version{}}}}, raftstore.ErrInvalid},
		"too many":        {&storev1.TxnRequest{Success: many}, raftstore.ErrInvalid},
		"no such lease":   {&storev1.TxnRequest{Success: ops(put(a, "1", 12345))}, raftstore.ErrLeaseNotFound},
	} {
		if _, err := e.store.Txn(e.ctx, tc.req); !errors.Is(err, tc.want) {
			e.Errorf("%s: error is %v, want %v", name, err, tc.want)
		}
	}
	if kv := e.get("a"); kv != nil {
		e.Fatalf("a refused transaction wrote %v", kv)
	}
}

func txnRefusedWritesNothing(e *env) {
	rev := e.put("a", "1")
	_, err := e.store.Txn(e.ctx, &storev1.TxnRequest{Success: ops(
		put(e.key("b"), "1", 0), del(e.key("a"), nil), put(e.key("c"), "1", 999),
	)})
	e.wantError(err, raftstore.ErrLeaseNotFound)
	key, end := e.all()
	res := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end})
	if len(res.Kvs) != 1 || res.Revision != rev {
		e.Fatalf("after the refusal: %v", res)
	}
}

func deleteRange(e *env) {
	for _, k := range []string{"a", "b", "c", "d"} {
		e.put(k, k)
	}
	res := e.txn(&storev1.TxnRequest{Success: ops(del(e.key("b"), e.key("d")))})
	if d := res.Results[0].GetDelete(); d.Deleted != 2 || len(d.Previous) != 2 || string(d.Previous[0].Value) != "b" {
		e.Fatalf("delete: %v", d)
	}
	key, end := e.all()
	got := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end})
	if len(got.Kvs) != 2 || string(got.Kvs[0].Value) != "a" || string(got.Kvs[1].Value) != "d" {
		e.Fatalf("left: %v", got.Kvs)
	}
}

func createAfterDelete(e *env) {
	e.put("a", "1")
	e.put("a", "2")
	e.del("a")
	rev := e.put("a", "3")
	if kv := e.get("a"); kv.Version != 1 || kv.CreateRevision != rev || kv.ModRevision != rev {
		e.Fatalf("got %v, want a key that came to be at %d", kv, rev)
	}
}

// concurrentIncrements adds to one counter from many goroutines by compare-and-swap: none is lost.
func concurrentIncrements(e *env) {
	e.put("n", "0")
	const workers, each = 8, 20
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for done := 0; done < each; {
				res, err := e.store.Range(e.ctx, &storev1.RangeRequest{Key: e.key("n")})
				if err != nil {
					e.Errorf("Range: %v", err)
					return
				}
				kv := res.Kvs[0]
				n, err := strconv.Atoi(string(kv.Value))
				if err != nil {
					e.Error(err)
					return
				}
				txn, err := e.store.Txn(e.ctx, &storev1.TxnRequest{
					Compares: []*storev1.Compare{{Key: kv.Key, Target: &storev1.Compare_ModRevision{ModRevision: kv.ModRevision}}},
					Success:  ops(put(kv.Key, strconv.Itoa(n+1), 0)),
				})
				if err != nil {
					e.Errorf("Txn: %v", err)
					return
				}
				if txn.Succeeded {
					done++
				}
			}
		})
	}
	wg.Wait()
	if kv := e.get("n"); string(kv.Value) != strconv.Itoa(workers*each) || kv.Version != workers*each+1 {
		e.Fatalf("counter is %s at version %d, want %d", kv.Value, kv.Version, workers*each)
	}
}

func callerMayReuseRequest(e *env) {
	key, value := e.key("a"), []byte("before")
	e.txn(&storev1.TxnRequest{Success: ops(&storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: key, Value: value}}})})
	copy(value, "after!")
	key[len(key)-1] = 'z'
	if kv := e.get("a"); string(kv.GetValue()) != "before" {
		e.Fatalf("the store kept the caller's memory: %v", kv)
	}
}

func cancelledContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	_, err := e.store.Range(ctx, &storev1.RangeRequest{Key: e.key("a")})
	e.wantError(err, context.Canceled)
	_, err = e.store.Txn(ctx, &storev1.TxnRequest{Success: ops(put(e.key("a"), "1", 0))})
	e.wantError(err, context.Canceled)
}
