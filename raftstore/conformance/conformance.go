// Package conformance is the suite that every Store passes: the in-memory one, a single member, three
// members, and the client that reaches them over the network.
//
// It holds what the contract (proto/kaji/store/v1) promises to a caller, nothing that depends on how a
// store is built. Each test gets a store of its own, or at least one that nobody else writes to.
package conformance

import (
	"context"
	"errors"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// patience is how long a test waits for what has to come.
const patience = 20 * time.Second

// Run runs the suite. open gives a store, which may hold keys and revisions of earlier tests as long
// as nobody else writes to it; each test uses keys of its own.
func Run(t *testing.T, open func(t *testing.T) raftstore.Store) {
	tests := []struct {
		name string
		test func(*env)
	}{
		{"PutGet", putGet},
		{"RangeOrderLimitMore", rangeOrderLimitMore},
		{"RangeKeysOnlyCountOnly", rangeKeysOnlyCountOnly},
		{"RangeAtOldRevision", rangeAtOldRevision},
		{"RangeRefusals", rangeRefusals},
		{"RangeStream", rangeStream},
		{"RangeStreamAtOneRevision", rangeStreamAtOneRevision},
		{"RangeStreamRefusals", rangeStreamRefusals},
		{"RangeMaxStaleness", rangeMaxStaleness},
		{"TxnCompares", txnCompares},
		{"TxnBranches", txnBranches},
		{"TxnOneRevision", txnOneRevision},
		{"TxnWithoutWritesKeepsRevision", txnWithoutWritesKeepsRevision},
		{"TxnRefusals", txnRefusals},
		{"TxnRefusedWritesNothing", txnRefusedWritesNothing},
		{"DeleteRange", deleteRange},
		{"CreateAfterDelete", createAfterDelete},
		{"WatchFromNow", watchFromNow},
		{"WatchFromRevision", watchFromRevision},
		{"WatchFutureRevision", watchFutureRevision},
		{"WatchPrevious", watchPrevious},
		{"WatchFilters", watchFilters},
		{"WatchWholeRevisions", watchWholeRevisions},
		{"WatchSlowReader", watchSlowReader},
		{"WatchSlowNeighbour", watchSlowNeighbour},
		{"WatchProgress", watchProgress},
		{"WatchEndsWithContext", watchEndsWithContext},
		{"Compact", compact},
		{"LeaseRevoke", leaseRevoke},
		{"LeaseExpiry", leaseExpiry},
		{"LeaseKeepAlive", leaseKeepAlive},
		{"LeaseRefusals", leaseRefusals},
		{"Concurrent", concurrentIncrements},
		{"CallerMayReuseRequest", callerMayReuseRequest},
		{"CancelledContext", cancelledContext},
		{"Status", status},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			tc.test(&env{T: t, ctx: ctx, store: open(t), prefix: "/" + t.Name() + "/"})
		})
	}
}

// env is one test's store and the shorthands around it.
type env struct {
	*testing.T
	ctx    context.Context
	store  raftstore.Store
	prefix string
}

func (e *env) key(name string) []byte { return []byte(e.prefix + name) }

func (e *env) all() (key, end []byte) {
	return []byte(e.prefix), raftstore.Prefix([]byte(e.prefix))
}

func (e *env) txn(req *storev1.TxnRequest) *storev1.TxnResponse {
	e.Helper()
	res, err := e.store.Txn(e.ctx, req)
	if err != nil {
		e.Fatalf("Txn: %v", err)
	}
	return res
}

func (e *env) put(name, value string) int64 {
	e.Helper()
	return e.txn(&storev1.TxnRequest{Success: []*storev1.Op{put(e.key(name), value, 0)}}).Revision
}

func (e *env) del(name string) int64 {
	e.Helper()
	return e.txn(&storev1.TxnRequest{Success: []*storev1.Op{del(e.key(name), nil)}}).Revision
}

func (e *env) rng(req *storev1.RangeRequest) *storev1.RangeResponse {
	e.Helper()
	res, err := e.store.Range(e.ctx, req)
	if err != nil {
		e.Fatalf("Range: %v", err)
	}
	return res
}

func (e *env) get(name string) *storev1.KeyValue {
	e.Helper()
	res := e.rng(&storev1.RangeRequest{Key: e.key(name)})
	if len(res.Kvs) == 0 {
		return nil
	}
	return res.Kvs[0]
}

// watch begins a watch and reads its first response.
func (e *env) watch(ctx context.Context, req *storev1.WatchRequest) (raftstore.Watcher, int64) {
	e.Helper()
	w, err := e.store.Watch(ctx, req)
	if err != nil {
		e.Fatalf("Watch: %v", err)
	}
	first, err := w.Recv()
	if err != nil {
		e.Fatalf("first Recv: %v", err)
	}
	if len(first.Events) != 0 {
		e.Fatalf("the first response has %d events", len(first.Events))
	}
	return w, first.Revision
}

// collect reads until n events have come, and checks order and wholeness as it goes.
func (e *env) collect(w raftstore.Watcher, n int) []*storev1.Event {
	e.Helper()
	var events []*storev1.Event
	var told int64
	for len(events) < n {
		res, err := w.Recv()
		if err != nil {
			e.Fatalf("Recv after %d of %d events: %v", len(events), n, err)
		}
		for _, ev := range res.Events {
			rev := ev.Kv.ModRevision
			if rev <= told {
				e.Fatalf("event at revision %d after everything up to %d was told", rev, told)
			}
			if len(events) > 0 && rev < events[len(events)-1].Kv.ModRevision {
				e.Fatalf("event at revision %d after one at %d", rev, events[len(events)-1].Kv.ModRevision)
			}
			events = append(events, ev)
		}
		if len(res.Events) > 0 && res.Revision < events[len(events)-1].Kv.ModRevision {
			e.Fatalf("response of revision %d has an event at %d", res.Revision, events[len(events)-1].Kv.ModRevision)
		}
		told = res.Revision
	}
	return events
}

func (e *env) wantError(err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("error is %v, want %v", err, want)
	}
}

func put(key []byte, value string, lease int64) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: key, Value: []byte(value), Lease: lease, Previous: true}}}
}

func del(key, end []byte) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: key, RangeEnd: end, Previous: true}}}
}

func rangeOp(key, end []byte) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: key, RangeEnd: end}}}
}

func ops(o ...*storev1.Op) []*storev1.Op { return o }
