package mvcc

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// TestSnapshotsLargerThanAllBlocks: more than the reader has blocks for, with records larger than a block, and read in pieces of any size.
func TestSnapshotsLargerThanAllBlocks(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	s := New()
	for i := range 40 {
		value := make([]byte, 300<<10)
		if i%10 == 0 {
			value = make([]byte, 3<<20)
		}
		_, _ = random.Read(value)
		put := &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: fmt.Appendf(nil, "key-%d", i%30), Value: value}}}
		r := s.Apply([]*storev1.Command{{Command: &storev1.Command_Txn{Txn: &storev1.TxnRequest{Success: []*storev1.Op{put}}}}})
		if r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if i == 20 {
			s.Apply([]*storev1.Command{{Command: &storev1.Command_Compact{Compact: &storev1.CompactRequest{Revision: s.Revision()}}}})
		}
	}
	var written bytes.Buffer
	if _, err := s.Snapshot().WriteTo(&written); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]io.Reader{
		"at once": bytes.NewReader(written.Bytes()), "halves": iotest.HalfReader(bytes.NewReader(written.Bytes())),
		"with the end": iotest.DataErrReader(bytes.NewReader(written.Bytes())),
	} {
		read, err := Read(in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var again bytes.Buffer
		if _, err := read.Snapshot().WriteTo(&again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), written.Bytes()) {
			t.Errorf("%s: what was read is written as something else", name)
		}
	}
	damaged := bytes.Clone(written.Bytes())
	damaged[len(damaged)/2] ^= 1 // In a value, so that only the checksum shows it.
	if _, err := Read(bytes.NewReader(damaged)); err == nil {
		t.Error("a damaged snapshot was read")
	}
	if _, err := Verify(bytes.NewReader(append(written.Bytes(), 0))); err == nil {
		t.Error("what follows a snapshot was not found")
	}
}

// TestRecordsByHandAreProtobufs: what is decoded by hand is what protobuf decodes, and what it does not know is left to protobuf.
func TestRecordsByHandAreProtobufs(t *testing.T) {
	full := &storev1.KeyValue{Key: []byte("k"), Value: []byte("v"), CreateRevision: 3, ModRevision: 5, Version: 2, Lease: -7}
	unknown := proto.CloneOf(full)
	unknown.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1))
	for _, want := range []*storev1.SnapshotRecord{
		{Record: &storev1.SnapshotRecord_Base{Base: full}},
		{Record: &storev1.SnapshotRecord_Base{Base: &storev1.KeyValue{Key: []byte("k")}}},
		{Record: &storev1.SnapshotRecord_Base{Base: unknown}},
		{Record: &storev1.SnapshotRecord_Event{Event: &storev1.Event{Type: storev1.EventType_EVENT_TYPE_DELETE, Kv: full}}},
		{Record: &storev1.SnapshotRecord_Event{Event: &storev1.Event{Kv: unknown}}},
		{Record: &storev1.SnapshotRecord_Event{Event: &storev1.Event{Kv: full, Previous: full}}},
		{Record: &storev1.SnapshotRecord_Lease{Lease: &storev1.SnapshotLease{Id: 4}}},
	} {
		b, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		r := &recordReader{}
		if err := r.decode(b); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(&r.record, want) {
			t.Errorf("%v was decoded as %v", want, &r.record)
		}
	}
}
