package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

func apply(s *mvcc.State, keys ...string) int64 {
	req := &storev1.TxnRequest{}
	for _, key := range keys {
		req.Success = append(req.Success, &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(key), Value: []byte("x")}}})
	}
	return s.Apply([]*storev1.Command{{Command: &storev1.Command_Txn{Txn: req}}})[0].Txn.Revision
}

func compact(s *mvcc.State, rev int64) {
	s.Apply([]*storev1.Command{{Command: &storev1.Command_Compact{Compact: &storev1.CompactRequest{Revision: rev}}}})
}

var everything = &storev1.WatchRequest{RangeEnd: []byte{0}}

// follow begins a watch and reads its first response.
func follow(t *testing.T, h *Hub, req *storev1.WatchRequest) *Watcher {
	t.Helper()
	w, err := h.Watch(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := w.Recv(); err != nil || len(res.Events) != 0 {
		t.Fatalf("first response: %v, %v", res, err)
	}
	return w
}

// abreast reads until the hub hands changes to w.
func abreast(t *testing.T, h *Hub, s *mvcc.State, w *Watcher) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := w.Recv()
		done <- err
	}()
	for {
		w.mu.Lock()
		ok := w.abreast
		w.mu.Unlock()
		if ok {
			break
		}
	}
	apply(s, "abreast")
	h.Dispatch()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestEveryWatcherGetsItsEventsOnce mixes writes, compactions, snapshots taken in, hand-outs, slow and fast readers.
func TestEveryWatcherGetsItsEventsOnce(t *testing.T) {
	type reader struct {
		w    *Watcher
		keys mvcc.KeyRange
		next int64 // First revision it has not been told of.
	}
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := mvcc.New()
		h := NewHub(s, Options{Queue: 4, Chunk: 3})
		var readers []*reader
		// All changes there ever were.
		var all []*storev1.Event
		key := rapid.Map(rapid.IntRange(0, 5), func(i int) string { return fmt.Sprintf("k%d", i) })
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				keys := rapid.SliceOfNDistinct(key, 1, 4, rapid.ID).Draw(t, "keys")
				rev := apply(s, keys...)
				for _, k := range keys {
					all = append(all, &storev1.Event{Type: storev1.EventType_EVENT_TYPE_PUT, Kv: &storev1.KeyValue{Key: []byte(k), ModRevision: rev}})
				}
			},
			"dispatch": func(*rapid.T) { h.Dispatch() },
			"compact":  func(t *rapid.T) { compact(s, rapid.Int64Range(0, s.Revision()).Draw(t, "revision")) },
			"watch": func(t *rapid.T) {
				req := &storev1.WatchRequest{
					Key:           []byte(key.Draw(t, "key")),
					StartRevision: rapid.Int64Range(0, s.Revision()+3).Draw(t, "start"),
				}
				if rapid.Bool().Draw(t, "open") {
					req.RangeEnd = []byte{0}
				}
				w, err := h.Watch(ctx, req)
				if err != nil {
					t.Fatal(err)
				}
				r := &reader{w: w, keys: mvcc.KeyRange{Key: req.Key, End: req.RangeEnd}, next: req.StartRevision}
				if r.next == 0 {
					r.next = s.Revision() + 1
				}
				res, err := w.Recv()
				if r.next < s.Stats().Compacted {
					if !errors.Is(err, &mvcc.Error{Reason: mvcc.Compacted}) {
						t.Fatalf("watch from %d, compacted at %d: %v", r.next, s.Stats().Compacted, err)
					}
					return
				}
				if err != nil || len(res.Events) != 0 {
					t.Fatalf("%v, %v", res, err)
				}
				readers = append(readers, r)
			},
			"read": func(t *rapid.T) {
				if len(readers) == 0 {
					t.Skip("nobody watches")
				}
				i := rapid.IntRange(0, len(readers)-1).Draw(t, "reader")
				r := readers[i]
				h.Dispatch()
				var want []*storev1.Event
				for _, e := range all {
					if e.Kv.ModRevision >= r.next && r.keys.Contains(e.Kv.Key) {
						want = append(want, e)
					}
				}
				if len(want) == 0 {
					t.Skip("nothing to read")
				}
				res, err := r.w.Recv()
				if errors.Is(err, &mvcc.Error{Reason: mvcc.Compacted}) {
					if r.next >= s.Stats().Compacted {
						t.Fatalf("compacted at %d, next is %d", s.Stats().Compacted, r.next)
					}
					readers = append(readers[:i], readers[i+1:]...)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if len(res.Events) == 0 || len(res.Events) > len(want) {
					t.Fatalf("got %d events of %d", len(res.Events), len(want))
				}
				for j, e := range res.Events {
					if string(e.Kv.Key) != string(want[j].Kv.Key) || e.Kv.ModRevision != want[j].Kv.ModRevision {
						t.Fatalf("event %d is %v, want %v", j, e, want[j])
					}
				}
				if n := len(res.Events); n < len(want) && want[n].Kv.ModRevision <= res.Revision {
					t.Fatalf("told up to %d without %v", res.Revision, want[n])
				}
				r.next = res.Revision + 1
			},
		})
	})
}

func TestSlowReaderHoldsAtMostItsQueue(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{Queue: 10, Chunk: 7})
	w := follow(t, h, everything)
	abreast(t, h, s, w)
	for range 1000 {
		apply(s, "a", "b")
		h.Dispatch()
	}
	w.mu.Lock()
	queued, isAbreast := w.queued, w.abreast
	w.mu.Unlock()
	if queued > 10 || isAbreast {
		t.Fatalf("%d events are queued, abreast %t", queued, isAbreast)
	}
	for n := 0; n < 2000; {
		res, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		n += len(res.Events)
	}
	abreast(t, h, s, w)
}

func TestReaderLostToCompaction(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{Queue: 10, Chunk: 7})
	w := follow(t, h, everything)
	abreast(t, h, s, w)
	for range 50 {
		apply(s, "a")
		h.Dispatch()
	}
	compact(s, s.Revision())
	var err error
	for err == nil {
		_, err = w.Recv()
	}
	if !errors.Is(err, &mvcc.Error{Reason: mvcc.Compacted}) {
		t.Fatal(err)
	}
}

// TestSourceReplaced: a copy with the history that a watcher needs goes unnoticed, one without ends the watch.
func TestSourceReplaced(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{})
	w := follow(t, h, everything)
	abreast(t, h, s, w)
	other := mvcc.New()
	for other.Revision() < s.Revision()+5 {
		apply(other, "a")
	}
	s.Replace(other)
	h.Dispatch()
	if res, err := w.Recv(); err != nil || len(res.Events) != 5 {
		t.Fatalf("%v, %v, want the 5 events that came with the copy", res, err)
	}
	other = mvcc.New()
	apply(other, "a")
	other.Rebase(1000)
	s.Replace(other)
	h.Dispatch()
	if _, err := w.Recv(); !errors.Is(err, &mvcc.Error{Reason: mvcc.Compacted}) {
		t.Fatal(err)
	}
}

func TestInterruptAndClose(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{})
	w := follow(t, h, everything)
	h.Interrupt()
	if _, err := w.Recv(); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	w = follow(t, h, everything)
	apply(s, "a")
	h.Dispatch()
	if res, err := w.Recv(); err != nil || len(res.Events) != 1 {
		t.Fatalf("after the interruption: %v, %v", res, err)
	}
	h.Close()
	h.Close()
	if _, err := w.Recv(); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
	late, err := h.Watch(t.Context(), everything)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Recv(); !errors.Is(err, ErrLost) {
		t.Fatal(err)
	}
}

func TestWatchersAreForgotten(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	for range 10 {
		if _, err := h.Watch(ctx, everything); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.Watchers(); n != 10 {
		t.Fatalf("%d watchers", n)
	}
	cancel()
	for deadline := time.Now().Add(10 * time.Second); h.Watchers() > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d watchers are left", h.Watchers())
		}
	}
}

func TestResponsesAreCutAtWholeRevisions(t *testing.T) {
	event := func(rev int64, bytes int) *storev1.Event {
		return &storev1.Event{Kv: &storev1.KeyValue{ModRevision: rev, Value: make([]byte, bytes)}}
	}
	const half = maxResponseBytes/2 + 1
	for i, tc := range []struct {
		events []*storev1.Event
		want   int
	}{
		{nil, 0},
		{[]*storev1.Event{event(1, 1), event(2, 1)}, 2},
		{[]*storev1.Event{event(1, half), event(2, half)}, 1},
		{[]*storev1.Event{event(1, 1), event(2, half), event(2, half), event(3, 1)}, 1},
		{[]*storev1.Event{event(1, half), event(1, half), event(2, 1)}, 2},
		{[]*storev1.Event{event(1, half), event(1, half)}, 2},
		{[]*storev1.Event{event(1, 2*half), event(2, 1)}, 1},
	} {
		if got := fits(tc.events, maxResponseBytes); got != tc.want {
			t.Errorf("case %d: %d events fit, want %d", i, got, tc.want)
		}
	}
}

// TestEventsAreShared: watchers of one range get the same events, not copies.
func TestEventsAreShared(t *testing.T) {
	s := mvcc.New()
	h := NewHub(s, Options{})
	a, b := follow(t, h, everything), follow(t, h, everything)
	abreast(t, h, s, a)
	if _, err := b.Recv(); err != nil { // What a was brought abreast with.
		t.Fatal(err)
	}
	abreast(t, h, s, b)
	if _, err := a.Recv(); err != nil {
		t.Fatal(err)
	}
	apply(s, "k")
	h.Dispatch()
	fromA, errA := a.Recv()
	fromB, errB := b.Recv()
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if fromA.Events[0] != fromB.Events[0] || !proto.Equal(fromA, fromB) {
		t.Fatalf("%v and %v", fromA, fromB)
	}
}
