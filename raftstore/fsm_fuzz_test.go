package raftstore

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// FuzzEntry hands a log entry of any bytes to the state machines of two members. They answer alike and hold the same; an entry that
// cannot be read or is of a format that they do not read changes nothing, and after the latter nothing changes any more.
func FuzzEntry(f *testing.F) {
	put := &storev1.Command{Command: &storev1.Command_Txn{Txn: &storev1.TxnRequest{
		Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("k"), Value: []byte("v")}}}},
	}}}
	raise := &storev1.Command{Command: &storev1.Command_RaiseFormat{RaiseFormat: &storev1.RaiseFormat{Format: 2}}}
	for _, e := range []*storev1.LogEntry{
		{Commands: []*storev1.Command{put, {}, put}},
		{Commands: []*storev1.Command{raise}, Format: 2},
		{Commands: []*storev1.Command{put, {}}, Format: 3},
	} {
		b, err := proto.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		// A command and a field of the entry from a later format.
		f.Add(protowire.AppendVarint(protowire.AppendTag(b, 99, protowire.VarintType), 1))
	}
	f.Add([]byte("no log entry"))
	f.Fuzz(func(t *testing.T, entry []byte) {
		one, other := newRecoveryFSM(hclog.NewNullLogger()), newRecoveryFSM(hclog.NewNullLogger())
		before := held(t, one)
		answer := one.Apply(&raft.Log{Index: 1, Data: entry})
		again := other.Apply(&raft.Log{Index: 1, Data: bytes.Clone(entry)})
		if !bytes.Equal(held(t, one), held(t, other)) {
			t.Fatal("two members that got the same entry differ")
		}
		switch answer := answer.(type) {
		case []mvcc.Result:
			for i, r := range answer {
				if ReasonOf(r.Err) != ReasonOf(again.([]mvcc.Result)[i].Err) {
					t.Fatalf("command %d: %v and %v", i, r.Err, again.([]mvcc.Result)[i].Err)
				}
			}
		case error:
			if ReasonOf(answer) != ReasonOf(again.(error)) || !bytes.Equal(before, held(t, one)) {
				t.Fatalf("%v and %v, or the state changed", answer, again)
			}
			if halted := one.halt.err(); (halted != nil) != errors.Is(answer, ErrUnreadable) {
				t.Fatalf("%v, and then %v", answer, halted)
			}
		default:
			t.Fatalf("answered by %T", answer)
		}
		fine, err := proto.Marshal(&storev1.LogEntry{Commands: []*storev1.Command{put}})
		if err != nil {
			t.Fatal(err)
		}
		rev := one.state.Revision()
		one.Apply(&raft.Log{Index: 2, Data: fine})
		if moved := one.state.Revision() == rev+1; moved != (one.halt.err() == nil) {
			t.Fatalf("the next entry was applied: %t, halted: %v", moved, one.halt.err())
		}
	})
}

// held is what a state machine holds.
func held(t *testing.T, f *fsm) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := f.state.Snapshot().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
