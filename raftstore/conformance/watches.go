package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func (e *env) watchAll() *storev1.WatchRequest {
	key, end := e.all()
	return &storev1.WatchRequest{Key: key, RangeEnd: end}
}

func watchFromNow(e *env) {
	before := e.put("a", "0")
	w, rev := e.watch(e.ctx, e.watchAll())
	if rev != before {
		e.Fatalf("the watch stands at %d, want %d", rev, before)
	}
	e.put("a", "1")
	e.put("b", "2")
	e.del("a")
	if _, err := e.store.Txn(e.ctx, &storev1.TxnRequest{Success: ops(put([]byte("/elsewhere"), "x", 0))}); err != nil {
		e.Fatal(err)
	}
	e.put("c", "3")
	events := e.collect(w, 4)
	var got string
	for _, ev := range events {
		got += fmt.Sprintf("%s %s=%s@%d ", ev.Type, ev.Kv.Key[len(e.prefix):], ev.Kv.Value, ev.Kv.ModRevision-before)
		if ev.Previous != nil {
			e.Fatalf("previous came unasked: %v", ev)
		}
	}
	want := "EVENT_TYPE_PUT a=1@1 EVENT_TYPE_PUT b=2@2 EVENT_TYPE_DELETE a=@3 EVENT_TYPE_PUT c=3@5 "
	if got != want {
		e.Fatalf("got  %s\nwant %s", got, want)
	}
}

func watchFromRevision(e *env) {
	first := e.put("k", "0")
	for i := 1; i < 50; i++ {
		e.put("k", fmt.Sprint(i))
	}
	req := e.watchAll()
	req.StartRevision = first + 10
	w, rev := e.watch(e.ctx, req)
	if rev != first+9 {
		e.Fatalf("the watch stands at %d, want %d", rev, first+9)
	}
	e.put("k", "50")
	for i, ev := range e.collect(w, 41) {
		if want := fmt.Sprint(i + 10); string(ev.Kv.Value) != want || ev.Kv.ModRevision != first+int64(i)+10 {
			e.Fatalf("event %d is %v, want value %s", i, ev, want)
		}
	}
}

func watchFutureRevision(e *env) {
	rev := e.put("k", "0")
	req := e.watchAll()
	req.StartRevision = rev + 3
	w, _ := e.watch(e.ctx, req)
	for i := 1; i <= 4; i++ {
		e.put("k", fmt.Sprint(i))
	}
	if events := e.collect(w, 2); string(events[0].Kv.Value) != "3" || string(events[1].Kv.Value) != "4" {
		e.Fatalf("got %v", events)
	}
}

func watchPrevious(e *env) {
	req := e.watchAll()
	req.Previous = true
	w, _ := e.watch(e.ctx, req)
	e.put("k", "1")
	e.put("k", "2")
	e.del("k")
	e.put("k", "3")
	events := e.collect(w, 4)
	for i, want := range []string{"", "1", "2", ""} {
		if got := string(events[i].Previous.GetValue()); got != want {
			e.Fatalf("event %d: previous is %q, want %q", i, got, want)
		}
	}
	if events[3].Previous != nil {
		e.Fatalf("a key that was deleted has a previous: %v", events[3])
	}
	if d := events[2]; d.Type != storev1.EventType_EVENT_TYPE_DELETE || len(d.Kv.Value) != 0 || d.Kv.ModRevision == 0 {
		e.Fatalf("delete is %v", d)
	}
}

// watchFilters leaves puts or deletes out, of what was and of what comes.
func watchFilters(e *env) {
	first := e.put("a", "1")
	e.del("a")
	with := func(noPuts, noDeletes bool, start int64) raftstore.Watcher {
		req := e.watchAll()
		req.NoPuts, req.NoDeletes, req.StartRevision = noPuts, noDeletes, start
		w, _ := e.watch(e.ctx, req)
		return w
	}
	deletes, puts, all := with(true, false, first), with(false, true, first), with(false, false, first)
	e.put("b", "2")
	e.del("b")
	e.put("c", "3")
	e.del("c")
	for _, tc := range []struct {
		w    raftstore.Watcher
		want string
	}{
		{deletes, "-a -b -c "}, {puts, "+a +b +c "}, {all, "+a -a +b -b +c -c "},
	} {
		var got string
		for _, ev := range e.collect(tc.w, len(tc.want)/3) {
			sign := "+"
			if ev.Type == storev1.EventType_EVENT_TYPE_DELETE {
				sign = "-"
			}
			got += sign + string(ev.Kv.Key[len(e.prefix):]) + " "
		}
		if got != tc.want {
			e.Fatalf("got %s, want %s", got, tc.want)
		}
	}
	ctx, cancel := context.WithCancel(e.ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	req := e.watchAll()
	req.NoPuts, req.NoDeletes, req.StartRevision = true, true, first
	w, _ := e.watch(ctx, req)
	if res, err := w.Recv(); err == nil {
		e.Fatalf("a watch of nothing was told %v", res)
	}
}

// watchWholeRevisions checks that a revision's events never come apart, whichever way they come.
func watchWholeRevisions(e *env) {
	const perTxn, txns = 300, 12
	var start int64
	write := func(from int) {
		for t := from; t < from+txns/2; t++ {
			req := &storev1.TxnRequest{}
			for i := range perTxn {
				req.Success = append(req.Success, put(e.key(fmt.Sprintf("%04d", i)), fmt.Sprint(t), 0))
			}
			rev := e.txn(req).Revision
			if start == 0 {
				start = rev
			}
		}
	}
	write(0)
	req := e.watchAll()
	req.StartRevision = start
	w, _ := e.watch(e.ctx, req)
	write(txns / 2)
	for seen := 0; seen < perTxn*txns; {
		res, err := w.Recv()
		if err != nil {
			e.Fatal(err)
		}
		counts := map[int64]int{}
		for _, ev := range res.Events {
			counts[ev.Kv.ModRevision]++
		}
		for rev, n := range counts {
			if n != perTxn || rev > res.Revision {
				e.Fatalf("response of revision %d has %d of %d events of revision %d", res.Revision, n, perTxn, rev)
			}
		}
		seen += len(res.Events)
	}
}

// watchSlowReader lets far more events pile up than any queue holds; none is lost or doubled.
func watchSlowReader(e *env) {
	w, _ := e.watch(e.ctx, e.watchAll())
	const perTxn, txns = 500, 24
	var first int64
	for t := range txns {
		req := &storev1.TxnRequest{}
		for i := range perTxn {
			req.Success = append(req.Success, put(e.key(fmt.Sprintf("%04d", i)), fmt.Sprint(t), 0))
		}
		rev := e.txn(req).Revision
		if t == 0 {
			first = rev
		}
	}
	for i, ev := range e.collect(w, perTxn*txns) {
		if want := fmt.Sprint(i / perTxn); string(ev.Kv.Value) != want || ev.Kv.ModRevision != first+int64(i/perTxn) {
			e.Fatalf("event %d is %v, want value %s", i, ev, want)
		}
	}
	// And it is abreast again.
	e.put("after", "1")
	if ev := e.collect(w, 1)[0]; string(ev.Kv.Key) != string(e.key("after")) {
		e.Fatalf("got %v", ev)
	}
}

// watchSlowNeighbour: a reader that does not read holds up no other watch of the same store, and gets everything in the end.
func watchSlowNeighbour(e *env) {
	slow, _ := e.watch(e.ctx, e.watchAll())
	quick, _ := e.watch(e.ctx, e.watchAll())
	const perTxn, txns = 500, 16
	for t := range txns {
		req := &storev1.TxnRequest{}
		for i := range perTxn {
			req.Success = append(req.Success, put(e.key(fmt.Sprintf("%04d", i)), fmt.Sprint(t), 0))
		}
		e.txn(req)
		e.collect(quick, perTxn)
	}
	for i, ev := range e.collect(slow, perTxn*txns) {
		if want := fmt.Sprint(i / perTxn); string(ev.Kv.Value) != want {
			e.Fatalf("event %d is %v, want value %s", i, ev, want)
		}
	}
}

func watchProgress(e *env) {
	req := e.watchAll()
	req.Progress = true
	w, _ := e.watch(e.ctx, req)
	var rev int64
	for i := range 3 {
		rev = e.txn(&storev1.TxnRequest{Success: ops(put([]byte("/elsewhere"), fmt.Sprint(i), 0))}).Revision
	}
	for {
		res, err := w.Recv()
		if err != nil {
			e.Fatal(err)
		}
		if len(res.Events) != 0 || res.Revision > rev {
			e.Fatalf("got %v, want progress up to %d", res, rev)
		}
		if res.Revision == rev {
			return
		}
	}
}

func watchEndsWithContext(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	w, _ := e.watch(ctx, e.watchAll())
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err := w.Recv()
	e.wantError(err, context.Canceled)
}

// Watchers checks that n watchers of one range, and one of every key, all get everything.
func Watchers(t *testing.T, store raftstore.Store, n int) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	e := &env{T: t, ctx: ctx, store: store, prefix: "/" + t.Name() + "/watchers/"}
	watchers := make([]raftstore.Watcher, n)
	for i := range watchers {
		watchers[i], _ = e.watch(ctx, e.watchAll())
	}
	const writes = 100
	for i := range writes {
		e.put(fmt.Sprint(i%7), fmt.Sprint(i))
	}
	for _, w := range watchers {
		for i, ev := range e.collect(w, writes) {
			if string(ev.Kv.Value) != fmt.Sprint(i) {
				e.Fatalf("event %d is %v", i, ev)
			}
		}
	}
}
