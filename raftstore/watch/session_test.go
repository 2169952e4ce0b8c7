package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// receiver is a sink that can be slow, and checks what its watches are told.
type receiver struct {
	testing.TB
	// gate has room for who may go on: what is put in makes it slow, until it is taken out.
	gate chan struct{}

	mu      sync.Mutex
	sends   int
	watches map[int64]*received
}

// received is what one watch was told.
type received struct {
	keys   mvcc.KeyRange
	from   int64
	next   int64 // First revision that it may be told of.
	told   int64
	events []*storev1.Event
	err    error
}

func newReceiver(t testing.TB) *receiver {
	return &receiver{TB: t, gate: make(chan struct{}, 1), watches: map[int64]*received{}}
}

func (r *receiver) Send(res *Response) error {
	r.gate <- struct{}{}
	defer func() { <-r.gate }()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sends++
	msg := decoded(r, res)
	for _, id := range res.IDs {
		w := r.watches[id]
		for _, e := range msg.Events {
			if !w.keys.Contains(e.Kv.Key) || e.Kv.ModRevision < w.next || e.Kv.ModRevision > msg.Revision {
				r.Errorf("watch %d of %v, told up to %d: told of %v in an answer up to %d", id, w.keys, w.next-1, e, msg.Revision)
			}
		}
		if msg.Revision < w.told {
			r.Errorf("watch %d: told up to %d after %d", id, msg.Revision, w.told)
		}
		w.events = append(w.events, msg.Events...)
		w.told = msg.Revision
		w.next = max(w.next, msg.Revision+1)
	}
	return nil
}

// decoded is a response as it comes off the wire, which is the same as the message.
func decoded(t testing.TB, res *Response) *storev1.WatchResponse {
	parts, err := res.Wire()
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for _, p := range parts {
		raw = append(raw, p...)
	}
	msg := &storev1.WatchResponse{}
	if err := proto.Unmarshal(raw, msg); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(msg, res.Message()) {
		t.Errorf("on the wire %v, and %v", msg, res.Message())
	}
	return msg
}

func (r *receiver) End(ids []int64, why error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.watches[id].err = why
	}
	return nil
}

// begin begins a watch of keys from a revision on.
func (r *receiver) begin(s *Session, id int64, req *storev1.WatchRequest) {
	r.mu.Lock()
	r.watches[id] = &received{keys: mvcc.KeyRange{Key: req.Key, End: req.RangeEnd}, from: req.StartRevision, next: req.StartRevision}
	r.mu.Unlock()
	if err := s.Watch(id, func(context.Context) (*storev1.WatchRequest, error) { return req, nil }); err != nil {
		r.Fatal(err)
	}
}

// TestSessionTellsEachWatchItsEventsOnce has watches come and go while there are writes and the receiver is slow at times.
func TestSessionTellsEachWatchItsEventsOnce(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			s := mvcc.New()
			h := NewHub(s, Options{Queue: 5, Chunk: 3})
			ctx, cancel := context.WithCancel(t.Context())
			r := newReceiver(t)
			session := h.NewSession(ctx, r)
			var all []*storev1.Event
			var last int64
			live := map[int64]bool{}
			slow := false
			for range 120 {
				switch rnd.IntN(7) {
				case 0, 1:
					var keys []string
					for _, i := range rnd.Perm(4)[:1+rnd.IntN(3)] {
						keys = append(keys, fmt.Sprintf("k%d", i))
					}
					rev := apply(s, keys...)
					for _, k := range keys {
						all = append(all, &storev1.Event{Kv: &storev1.KeyValue{Key: []byte(k), ModRevision: rev}})
					}
				case 2:
					h.Dispatch()
				case 3:
					last++
					live[last] = true
					req := &storev1.WatchRequest{Key: []byte("k1"), RangeEnd: []byte{0}, StartRevision: 1 + rnd.Int64N(s.Revision()+3)}
					if rnd.IntN(3) == 0 {
						req.RangeEnd = nil
					}
					r.begin(session, last, req)
				case 4:
					for id := range live {
						session.Cancel(id)
						delete(live, id)
						break
					}
				case 5:
					if slow = !slow; slow {
						r.gate <- struct{}{}
					} else {
						<-r.gate
					}
				case 6:
					if !slow {
						synctest.Wait()
					}
				}
			}
			if slow {
				<-r.gate
			}
			synctest.Wait()
			// Everyone is past the revisions that were to come, and what is level is merged.
			for range 4 {
				all = append(all, &storev1.Event{Kv: &storev1.KeyValue{Key: []byte("k1"), ModRevision: apply(s, "k1")}})
				h.Dispatch()
				synctest.Wait()
			}
			if n := session.Len(); n != len(live) {
				t.Errorf("seed %d: %d watches, want %d", seed, n, len(live))
			}
			if n := h.Watchers(); n != len(live) {
				t.Errorf("seed %d: the hub counts %d watches, want %d", seed, n, len(live))
			}
			for id := range live {
				r.complete(id, all)
			}
			before := r.sends
			apply(s, "k1")
			h.Dispatch()
			synctest.Wait()
			if n := r.sends - before; n > 2 {
				t.Errorf("seed %d: one change was sent %d times to watches of two ranges", seed, n)
			}
			cancel()
			session.Wait()
			synctest.Wait()
			if n := h.Watchers(); n != 0 {
				t.Errorf("seed %d: %d watches are left", seed, n)
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

// complete checks that a watch was told all that it should have been.
func (r *receiver) complete(id int64, all []*storev1.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.watches[id]
	if w.err != nil {
		r.Errorf("watch %d ended: %v", id, w.err)
	}
	got := w.events
	for _, e := range all {
		if !w.keys.Contains(e.Kv.Key) || e.Kv.ModRevision < w.from {
			continue
		}
		if len(got) == 0 {
			r.Errorf("watch %d was not told of %v", id, e)
			return
		}
		if string(got[0].Kv.Key) != string(e.Kv.Key) || got[0].Kv.ModRevision != e.Kv.ModRevision {
			r.Errorf("watch %d was told of %v before %v", id, got[0], e)
			return
		}
		got = got[1:]
	}
	if len(got) > 0 {
		r.Errorf("watch %d was told of %v, which did not happen then", id, got[0])
	}
}

func TestSessionEndsWatchesOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mvcc.New()
		h := NewHub(s, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		r := newReceiver(t)
		session := h.NewSession(ctx, r)
		for range 5 {
			apply(s, "a")
		}
		compact(s, s.Revision())
		r.begin(session, 1, &storev1.WatchRequest{Key: []byte("a"), StartRevision: 2})
		r.begin(session, 2, &storev1.WatchRequest{Key: []byte("a"), StartRevision: s.Revision() + 1})
		refused := errors.New("refused")
		r.watches[3] = &received{}
		if err := session.Watch(3, func(context.Context) (*storev1.WatchRequest, error) { return nil, refused }); err != nil {
			t.Fatal(err)
		}
		if err := session.Watch(2, nil); !errors.Is(err, ErrKnown) {
			t.Fatalf("an id twice: %v", err)
		}
		synctest.Wait()
		if err := r.watches[1].err; !errors.Is(err, &mvcc.Error{Reason: mvcc.Compacted}) {
			t.Errorf("from before the compaction: %v", err)
		}
		if err := r.watches[3].err; !errors.Is(err, refused) {
			t.Errorf("what could not be prepared: %v", err)
		}
		apply(s, "a")
		h.Dispatch()
		synctest.Wait()
		if w := r.watches[2]; w.err != nil || len(w.events) != 1 {
			t.Errorf("the one that is well was told of %d changes, and %v", len(w.events), w.err)
		}
		h.Interrupt()
		synctest.Wait()
		if err := r.watches[2].err; !errors.Is(err, ErrLost) {
			t.Errorf("after the interruption: %v", err)
		}
		// A watch that is being prepared can be cancelled.
		if err := session.Watch(4, func(ctx context.Context) (*storev1.WatchRequest, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}); err != nil {
			t.Fatal(err)
		}
		session.Cancel(4)
		synctest.Wait()
		if n := session.Len(); n != 0 {
			t.Errorf("%d watches are left", n)
		}
		cancel()
		session.Wait()
	})
}

// TestSlowSessionHoldsAtMostItsQueue: what waits for a receiver is bounded, and once it reads it gets everything.
func TestSlowSessionHoldsAtMostItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mvcc.New()
		h := NewHub(s, Options{Queue: 10, Chunk: 7})
		ctx, cancel := context.WithCancel(t.Context())
		r := newReceiver(t)
		session := h.NewSession(ctx, r)
		for id := range int64(20) {
			r.begin(session, id, &storev1.WatchRequest{RangeEnd: []byte{0}, StartRevision: 2})
		}
		synctest.Wait()
		r.gate <- struct{}{}
		for range 100 {
			apply(s, "a", "b")
			h.Dispatch()
			synctest.Wait()
		}
		session.mu.Lock()
		for _, c := range session.carriers {
			c.mu.Lock()
			if c.queued > 10 {
				t.Errorf("%d events are queued", c.queued)
			}
			c.mu.Unlock()
		}
		session.mu.Unlock()
		<-r.gate
		time.Sleep(time.Second)
		for id, w := range r.watches {
			if len(w.events) != 200 {
				t.Errorf("watch %d was told of %d changes, want 200", id, len(w.events))
			}
		}
		cancel()
		session.Wait()
	})
}
