package mvcc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// FuzzModel is TestModel with its choices taken from the input.
func FuzzModel(f *testing.F) {
	for seed := range byte(8) {
		sum := sha256.Sum256([]byte{seed})
		f.Add(bytes.Repeat(sum[:], 32))
	}
	f.Fuzz(rapid.MakeFuzz(followsModel))
}

// fuzzedState is a state with something of everything in it: history, a tombstone, leases with keys and without.
func fuzzedState() *State {
	s := New()
	s.Apply([]*storev1.Command{
		grantCommand(1), grantCommand(2), putCommand("a", "1"), putCommand("b", "1"), putCommand("c", "1"), putCommand("a", "2"), compactCommand(3),
		txnCommand(&storev1.TxnRequest{Success: []*storev1.Op{
			{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("leased"), Value: []byte("x"), Lease: 1}}},
			{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("b")}}},
		}}),
	})
	return s
}

func snapshotBytes(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Snapshot().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// FuzzApply applies a log entry of any bytes. Two members that get it agree; what is refused changes nothing; and what is
// there afterwards survives a snapshot.
func FuzzApply(f *testing.F) {
	seed := func(commands ...*storev1.Command) {
		b, err := proto.Marshal(&storev1.LogEntry{Commands: commands})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	seed(putCommand("a", "3"), grantCommand(3), revokeCommand(1), compactCommand(5))
	seed(&storev1.Command{}, revokeCommand(9), compactCommand(-1), compactCommand(1<<40), grantCommand(0), grantCommand(1))
	seed(txnCommand(&storev1.TxnRequest{
		Compares: []*storev1.Compare{{Key: []byte("a"), Target: &storev1.Compare_Value{Value: []byte("2")}}},
		Success: []*storev1.Op{
			{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("c"), Value: []byte("2"), Lease: 2, Previous: true}}},
			{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{RangeEnd: []byte{0}, Limit: 2}}},
			{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte("a"), Revision: 4}}},
			{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("k"), RangeEnd: []byte{0}, Previous: true}}},
		},
		Failure: []*storev1.Op{{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte("a"), Revision: 1 << 40}}}},
	}))
	f.Fuzz(func(t *testing.T, entry []byte) {
		var batch, again storev1.LogEntry
		if proto.Unmarshal(entry, &batch) != nil || proto.Unmarshal(entry, &again) != nil {
			return
		}
		one, other := fuzzedState(), fuzzedState()
		other.Apply(again.Commands)
		for i, c := range batch.Commands {
			before := snapshotBytes(t, one)
			if r := one.Apply([]*storev1.Command{c})[0]; r.Err != nil {
				if reason(r.Err) == "" {
					t.Fatalf("command %d: an error without a reason: %v", i, r.Err)
				}
				if !bytes.Equal(before, snapshotBytes(t, one)) {
					t.Fatalf("command %d was refused (%v) and changed the state", i, r.Err)
				}
			}
		}
		after := snapshotBytes(t, one)
		if !bytes.Equal(after, snapshotBytes(t, other)) {
			t.Fatal("two members that got the same entry differ")
		}
		restored, err := Read(bytes.NewReader(after))
		if err != nil {
			t.Fatalf("what was applied cannot be restored: %v", err)
		}
		for one.Free(2) {
		}
		if got, want := restored.Stats(), one.Stats(); got != want {
			t.Fatalf("restored: %+v, want %+v", got, want)
		}
	})
}

// FuzzRequest passes a request of any bytes through validation and, when that lets it through, carries it out. What is refused
// then is refused for what the state holds, never for its form.
func FuzzRequest(f *testing.F) {
	seed := func(kind byte, m proto.Message) {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, b)
	}
	seed(0, putCommand("a", "3").GetTxn())
	seed(0, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte("a"), Revision: -1}}}}})
	seed(1, &storev1.RangeRequest{Key: []byte("z"), RangeEnd: []byte("a"), Limit: -1})
	seed(1, &storev1.RangeRequest{Key: []byte("a"), RangeEnd: []byte{0}, Revision: 4, KeysOnly: true})
	seed(2, grantCommand(7).GetLeaseGrant())
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		s := fuzzedState()
		var err error
		allowed := map[Reason]bool{"": true}
		switch kind % 3 {
		case 0:
			var req storev1.TxnRequest
			if proto.Unmarshal(b, &req) != nil || ValidateTxn(&req) != nil {
				return
			}
			err = s.Apply([]*storev1.Command{txnCommand(&req)})[0].Err
			allowed[LeaseNotFound], allowed[Compacted], allowed[FutureRevision] = true, true, true
		case 1:
			var req storev1.RangeRequest
			if proto.Unmarshal(b, &req) != nil || ValidateRange(req.Key, req.RangeEnd) != nil || req.Revision < 0 {
				return
			}
			var res *storev1.RangeResponse
			res, err = s.View().Range(&req)
			allowed[Compacted], allowed[FutureRevision] = true, true
			if err == nil {
				wellFormed(t, &req, res)
			}
		case 2:
			var req storev1.LeaseGrantRequest
			if proto.Unmarshal(b, &req) != nil || ValidateLeaseGrant(&req) != nil || req.Id == 0 {
				return
			}
			err = s.Apply([]*storev1.Command{{Command: &storev1.Command_LeaseGrant{LeaseGrant: &req}}})[0].Err
			allowed[LeaseExists] = true
		}
		if !allowed[reason(err)] || (err != nil && reason(err) == "") {
			t.Fatalf("valid, and then refused: %v", err)
		}
	})
}

// wellFormed looks at an answer by itself.
func wellFormed(t *testing.T, req *storev1.RangeRequest, res *storev1.RangeResponse) {
	t.Helper()
	keys := KeyRange{req.Key, req.RangeEnd}
	for i, kv := range res.Kvs {
		if !keys.Contains(kv.Key) || (i > 0 && bytes.Compare(res.Kvs[i-1].Key, kv.Key) >= 0) {
			t.Fatalf("%v: key %q is out of place", req, kv.Key)
		}
	}
	n := int64(len(res.Kvs))
	if n > res.Count || (!req.CountOnly && res.More != (n < res.Count)) || (req.Limit > 0 && n > req.Limit) {
		t.Fatalf("%v: %d keys of %d, more %t", req, n, res.Count, res.More)
	}
}

// FuzzRead reads a snapshot of any bytes. It is refused, or the state it gives writes a snapshot that reads as the same, and that
// every member would write. So that the fuzzer gets past the checksum, records of any content are also given a trailer that fits.
func FuzzRead(f *testing.F) {
	whole := snapshotBytes(f, fuzzedState())
	f.Add(whole, false)
	f.Add(whole[len(snapshotMagic):], true)
	f.Add(snapshotBytes(f, New())[len(snapshotMagic):], true)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, true)
	f.Fuzz(func(t *testing.T, b []byte, complete bool) {
		if complete {
			b = withTrailer(b)
		}
		s, err := Read(bytes.NewReader(b))
		if err != nil {
			if r := reason(err); r != Corrupt && r != Unreadable {
				t.Fatalf("refused with reason %q: %v", r, err)
			}
			return
		}
		written := snapshotBytes(t, s)
		again, err := Read(bytes.NewReader(written))
		if err != nil {
			t.Fatalf("what was read cannot be read once written: %v", err)
		}
		if got, want := again.Stats(), s.Stats(); got != want {
			t.Fatalf("read again: %+v, want %+v", got, want)
		}
		if !bytes.Equal(written, snapshotBytes(t, again)) {
			t.Fatal("the same state writes two snapshots")
		}
	})
}

// withTrailer makes a snapshot of records: those that b holds in whole, without trailers, then one that fits them.
func withTrailer(b []byte) []byte {
	out := []byte(snapshotMagic)
	records := int64(0)
	for len(b) > 0 {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			break
		}
		var rec storev1.SnapshotRecord
		if body := b[n : n+int(size)]; proto.Unmarshal(body, &rec) == nil && rec.GetTrailer() == nil {
			out = append(out, b[:n+int(size)]...)
			records++
		}
		b = b[n+int(size):]
	}
	sum := sha256.Sum256(out)
	trailer, err := proto.Marshal(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Trailer{Trailer: &storev1.SnapshotTrailer{
		Records: records, Sha256: sum[:],
	}}})
	if err != nil {
		panic(err)
	}
	return append(binary.AppendUvarint(out, uint64(len(trailer))), trailer...)
}

// TestShortSnapshotsTakeLittleMemory: a few bytes that claim to be many are refused before room is made for them.
func TestShortSnapshotsTakeLittleMemory(t *testing.T) {
	for _, size := range []uint64{maxRecordBytes, maxRecordBytes + 1, 1 << 40, 1<<64 - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			b := binary.AppendUvarint([]byte(snapshotMagic), size)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Read(bytes.NewReader(b))
			runtime.ReadMemStats(&after)
			if reason(err) != Corrupt {
				t.Fatal(err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 2*maxRecordBytes {
				t.Fatalf("%d bytes were read into %d of memory", len(b), took)
			}
		})
	}
}
