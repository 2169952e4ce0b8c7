package mvcc

import (
	"fmt"
	"sync"
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

func putCommand(key, value string) *storev1.Command {
	return txnCommand(&storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{
		Put: &storev1.PutOp{Key: []byte(key), Value: []byte(value)},
	}}}})
}

func TestCompactionFreesEverythingSuperseded(t *testing.T) {
	s := New()
	for i := range 5000 {
		s.Apply([]*storev1.Command{putCommand(fmt.Sprintf("k%d", i%10), fmt.Sprintf("%04d", i))})
	}
	s.Apply([]*storev1.Command{txnCommand(&storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{
		Delete: &storev1.DeleteOp{Key: []byte("k5"), RangeEnd: []byte{0}},
	}}}})})
	rev := s.Apply([]*storev1.Command{putCommand("z", "z")})[0].Txn.Revision
	s.Apply([]*storev1.Command{compactCommand(rev)})
	steps := 1
	for ; s.Free(100); steps++ {
	}
	if steps != 51 {
		t.Errorf("5,005 changes were freed in %d steps of 100", steps)
	}
	if st := s.Stats(); st.Keys != 6 || st.Bytes != 5*6+2 || st.Changes != 1 || s.tree.Len() != 6 {
		t.Fatalf("after compaction: %+v, %d items", st, s.tree.Len())
	}
	for _, name := range []string{"k0", "k4", "z"} {
		if it, ok := s.tree.Get(item{key: []byte(name)}); !ok || it.head.prev.Load() != nil {
			t.Fatalf("%s still holds an old version", name)
		}
	}
}

func TestRebaseForgetsHistoryAndMovesOn(t *testing.T) {
	s := New()
	s.Apply([]*storev1.Command{putCommand("a", "1"), putCommand("a", "2"), putCommand("b", "1")})
	s.Rebase(100)
	if st := s.Stats(); st.Revision != 100 || st.Compacted != 100 || st.Changes != 0 || st.Keys != 2 || st.Bytes != 4 {
		t.Fatalf("%+v", st)
	}
	if _, _, err := s.Changes(5, 10); reason(err) != Compacted {
		t.Fatalf("changes from before: %v", err)
	}
	if r := s.Apply([]*storev1.Command{putCommand("a", "3")})[0]; r.Txn.Revision != 101 {
		t.Fatalf("next write: %v", r.Txn)
	}
	if restored := throughSnapshot(t, s); restored.Stats() != s.Stats() {
		t.Fatalf("%+v through a snapshot is %+v", s.Stats(), restored.Stats())
	}
}

func TestChangesInPieces(t *testing.T) {
	s := New()
	for range 3 * chunkChanges {
		s.Apply([]*storev1.Command{txnCommand(&storev1.TxnRequest{Success: []*storev1.Op{
			putCommand("a", "1").GetTxn().Success[0], putCommand("b", "1").GetTxn().Success[0],
		}})})
	}
	next, seen := int64(2), 0
	for {
		changes, upTo, err := s.Changes(next, 101)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 0 {
			break
		}
		if len(changes)%2 != 0 || changes[0].Revision() != next || changes[len(changes)-1].Revision() != upTo {
			t.Fatalf("%d changes from %d, up to %d", len(changes), next, upTo)
		}
		seen += len(changes)
		next = upTo + 1
	}
	if seen != 6*chunkChanges {
		t.Fatalf("saw %d changes", seen)
	}
}

// TestReadersDuringWrites reads old and new revisions and takes snapshots while writes and compactions go on. Run with -race.
func TestReadersDuringWrites(t *testing.T) {
	s := New()
	const keys, rounds = 50, 200
	// Every revision writes all keys with the revision as value, so that a torn read shows.
	write := func() {
		req := &storev1.TxnRequest{}
		for k := range keys {
			req.Success = append(req.Success, putCommand(fmt.Sprintf("k%02d", k), fmt.Sprint(s.Revision()+1)).GetTxn().Success...)
		}
		s.Apply([]*storev1.Command{txnCommand(req)})
	}
	write()
	var wg sync.WaitGroup
	done := make(chan struct{})
	for i := range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				v := s.View()
				rev := v.Revision() - int64(i)*3
				res, err := v.Range(&storev1.RangeRequest{RangeEnd: []byte{0}, Revision: max(rev, 2)})
				if reason(err) == Compacted {
					continue
				}
				if err != nil || len(res.Kvs) != keys {
					t.Errorf("at %d: %d keys, error %v", rev, len(res.GetKvs()), err)
					return
				}
				for _, kv := range res.Kvs {
					if kv.ModRevision != max(rev, 2) || string(kv.Value) != fmt.Sprint(kv.ModRevision) {
						t.Errorf("at %d: %v", rev, kv)
						return
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if r := throughSnapshot(t, s); r.Stats().Keys != keys {
				t.Errorf("snapshot has %d keys", r.Stats().Keys)
			}
		}
	})
	for range rounds {
		write()
		s.Apply([]*storev1.Command{compactCommand(s.Revision() - 4)})
		s.Free(keys / 2)
		s.Free(keys)
	}
	close(done)
	wg.Wait()
}

// TestWalkEndsAtItsBounds: within limit and bytes, one key in any case; what is left out is counted and told by more.
func TestWalkEndsAtItsBounds(t *testing.T) {
	s := New()
	for i := range 10 {
		s.Apply([]*storev1.Command{putCommand(fmt.Sprintf("k%d", i), "12345678")})
	}
	for _, tc := range []struct {
		limit, maxBytes int64
		want            int
		more            bool
	}{
		{0, 0, 10, false}, {4, 0, 4, true}, {10, 0, 10, false}, {0, 100, 10, false}, {0, 99, 9, true}, {0, 1, 1, true}, {3, 50, 3, true}, {7, 50, 5, true},
	} {
		n := 0
		count, more, err := s.View().Walk(&storev1.RangeRequest{RangeEnd: []byte{0}, Limit: tc.limit}, tc.maxBytes, func(*storev1.KeyValue) bool {
			n++
			return true
		})
		if err != nil || n != tc.want || more != tc.more || count != 10 {
			t.Errorf("limit %d, %d bytes: %d keys of %d, more %t, %v; want %d keys, more %t", tc.limit, tc.maxBytes, n, count, more, err, tc.want, tc.more)
		}
	}
}
