package mvcc

import (
	"bytes"
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// TestPanicIsUndone: a command that panics half way, here on a tree that is broken under its hands, leaves no trace, and the
// commands beside it are carried out.
func TestPanicIsUndone(t *testing.T) {
	s := fuzzedState()
	for i := range 3 * chunkChanges / 2 { // So that undoing goes back over chunks.
		s.Apply([]*storev1.Command{putCommand("a", string(rune('a'+i%26)))})
	}
	before, stats := snapshotBytes(t, s), s.Stats()
	view := s.View()
	broken := item{key: []byte("zz")}
	s.tree.ReplaceOrInsert(broken) // It has no version, which no key is without.
	many := &storev1.TxnRequest{}
	for i := range 1000 {
		many.Success = append(many.Success, &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte{'n', byte(i >> 8), byte(i)}, Lease: 2}}})
	}
	many.Success = append(many.Success,
		&storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("b"), Value: []byte("in a tombstone's place"), Lease: 1}}},
		&storev1.Op{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("leased")}}},
		&storev1.Op{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: broken.key}}},
	)
	results := s.Apply([]*storev1.Command{txnCommand(many)})
	if r := results[0]; reason(r.Err) != Poisoned || r.Txn != nil || len(r.Stack) == 0 {
		t.Fatalf("%+v", r)
	}
	s.tree.Delete(broken)
	if got := s.Stats(); got != stats {
		t.Errorf("afterwards: %+v, want %+v", got, stats)
	}
	if !bytes.Equal(before, snapshotBytes(t, s)) {
		t.Error("the state is not what it was")
	}
	if s.View().Revision() != view.Revision() {
		t.Error("the view moved")
	}
	// Leases still know their keys.
	s.Apply([]*storev1.Command{revokeCommand(1), revokeCommand(2)})
	if res, err := s.View().Range(&storev1.RangeRequest{Key: []byte("leased")}); err != nil || len(res.Kvs) != 0 {
		t.Errorf("the lease forgot its key: %v, %v", res, err)
	}
	if st := s.Stats(); st.Revision != stats.Revision+1 || st.Keys != stats.Keys-1 {
		t.Errorf("after the end of the leases: %+v, before %+v", st, stats)
	}
}

func TestUnknownCommandIsPoison(t *testing.T) {
	s := fuzzedState()
	before := snapshotBytes(t, s)
	results := s.Apply([]*storev1.Command{{}, nil, putCommand("x", "1")})
	if reason(results[0].Err) != Poisoned || reason(results[1].Err) != Poisoned || results[2].Err != nil {
		t.Fatal(results)
	}
	if bytes.Equal(before, snapshotBytes(t, s)) {
		t.Error("the command after it was left out")
	}
}
