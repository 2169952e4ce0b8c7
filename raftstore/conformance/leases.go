package conformance

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func (e *env) lease(ttl time.Duration) int64 {
	e.Helper()
	res, err := e.store.LeaseGrant(e.ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(ttl)})
	if err != nil {
		e.Fatalf("LeaseGrant: %v", err)
	}
	if res.Id == 0 || res.Ttl.AsDuration() != ttl {
		e.Fatalf("LeaseGrant: %v", res)
	}
	return res.Id
}

func (e *env) putLeased(name string, lease int64) int64 {
	e.Helper()
	return e.txn(&storev1.TxnRequest{Success: ops(put(e.key(name), "1", lease))}).Revision
}

func leaseRevoke(e *env) {
	id := e.lease(time.Hour)
	e.putLeased("b", id)
	e.putLeased("a", id)
	e.putLeased("moved", id)
	e.put("moved", "to no lease")
	e.putLeased("gone", id)
	e.del("gone")
	rev := e.put("stays", "1")
	if kv := e.get("a"); kv.Lease != id {
		e.Fatalf("got %v, want lease %d", kv, id)
	}
	w, _ := e.watch(e.ctx, e.watchAll())
	res, err := e.store.LeaseRevoke(e.ctx, &storev1.LeaseRevokeRequest{Id: id})
	if err != nil || res.Revision != rev+1 {
		e.Fatalf("LeaseRevoke: %v, %v, want revision %d", res, err, rev+1)
	}
	events := e.collect(w, 2)
	for i, want := range []string{"a", "b"} {
		ev := events[i]
		if ev.Type != storev1.EventType_EVENT_TYPE_DELETE || string(ev.Kv.Key) != string(e.key(want)) || ev.Kv.ModRevision != rev+1 {
			e.Fatalf("event %d is %v, want the delete of %s", i, ev, want)
		}
	}
	key, end := e.all()
	if got := e.rng(&storev1.RangeRequest{Key: key, RangeEnd: end}); got.Count != 2 {
		e.Fatalf("left: %v", got.Kvs)
	}
	_, err = e.store.LeaseRevoke(e.ctx, &storev1.LeaseRevokeRequest{Id: id})
	e.wantError(err, raftstore.ErrLeaseNotFound)
}

func leaseExpiry(e *env) {
	id := e.lease(time.Second)
	e.putLeased("a", id)
	w, _ := e.watch(e.ctx, e.watchAll())
	begin := time.Now()
	if ev := e.collect(w, 1)[0]; ev.Type != storev1.EventType_EVENT_TYPE_DELETE {
		e.Fatalf("got %v, want a delete", ev)
	}
	if took := time.Since(begin); took < 500*time.Millisecond {
		e.Fatalf("the lease of a second ended after %s", took)
	}
	_, err := e.store.LeaseRevoke(e.ctx, &storev1.LeaseRevokeRequest{Id: id})
	e.wantError(err, raftstore.ErrLeaseNotFound)
}

func leaseKeepAlive(e *env) {
	kept, left := e.lease(2*time.Second), e.lease(2*time.Second)
	e.putLeased("kept", kept)
	e.putLeased("left", left)
	w, _ := e.watch(e.ctx, e.watchAll())
	gone := make(chan *storev1.Event, 1)
	go func() {
		res, err := w.Recv()
		if err == nil && len(res.Events) > 0 {
			gone <- res.Events[0]
		}
		close(gone)
	}()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			res, err := e.store.LeaseKeepAlive(e.ctx, &storev1.LeaseKeepAliveRequest{Id: kept})
			if err != nil || res.Ttl.AsDuration() != 2*time.Second || res.Id != kept {
				e.Fatalf("LeaseKeepAlive: %v, %v", res, err)
			}
		case ev := <-gone:
			if string(ev.GetKv().GetKey()) != string(e.key("left")) {
				e.Fatalf("%v went first, want the lease that nobody renewed", ev)
			}
			if e.get("kept") == nil {
				e.Fatal("the renewed lease ended")
			}
			// Its end would come as a write in the middle of a later test.
			if _, err := e.store.LeaseRevoke(e.ctx, &storev1.LeaseRevokeRequest{Id: kept}); err != nil {
				e.Fatal(err)
			}
			return
		}
	}
}

func leaseRefusals(e *env) {
	_, err := e.store.LeaseGrant(e.ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(time.Millisecond)})
	e.wantError(err, raftstore.ErrInvalid)
	_, err = e.store.LeaseGrant(e.ctx, &storev1.LeaseGrantRequest{})
	e.wantError(err, raftstore.ErrInvalid)
	id := e.lease(time.Hour)
	_, err = e.store.LeaseGrant(e.ctx, &storev1.LeaseGrantRequest{Id: id, Ttl: durationpb.New(time.Hour)})
	e.wantError(err, raftstore.ErrLeaseExists)
	res, err := e.store.LeaseKeepAlive(e.ctx, &storev1.LeaseKeepAliveRequest{Id: 424242})
	if err != nil || res.Ttl.AsDuration() != 0 {
		e.Fatalf("keeping a lease alive that is not there: %v, %v", res, err)
	}
	if _, err = e.store.LeaseRevoke(e.ctx, &storev1.LeaseRevokeRequest{Id: id}); err != nil {
		e.Fatal(err)
	}
}
