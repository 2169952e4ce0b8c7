package mvcc

import (
	"bytes"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

var drawKey = rapid.Map(rapid.IntRange(0, 9), func(i int) []byte { return fmt.Appendf(nil, "k%d", i) })

func drawCompare(t *rapid.T, rev int64) *storev1.Compare {
	c := &storev1.Compare{
		Key:      drawKey.Draw(t, "compare key"),
		Operator: storev1.CompareOperator(rapid.IntRange(0, 4).Draw(t, "operator")),
	}
	switch rapid.IntRange(0, 4).Draw(t, "target") {
	case 0:
		c.Target = &storev1.Compare_Version{Version: rapid.Int64Range(0, 4).Draw(t, "version")}
	case 1:
		c.Target = &storev1.Compare_CreateRevision{CreateRevision: rapid.Int64Range(0, rev).Draw(t, "create")}
	case 2:
		c.Target = &storev1.Compare_ModRevision{ModRevision: rapid.Int64Range(0, rev).Draw(t, "mod")}
	case 3:
		c.Target = &storev1.Compare_Value{Value: []byte(rapid.StringMatching("[ab]{0,2}").Draw(t, "value"))}
	case 4:
		c.Target = &storev1.Compare_Lease{Lease: rapid.Int64Range(0, 4).Draw(t, "lease")}
	}
	return c
}

func drawOps(t *rapid.T) []*storev1.Op {
	var ops []*storev1.Op
	for range rapid.IntRange(0, 4).Draw(t, "ops") {
		if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
			lease := max(0, rapid.Int64Range(-4, 4).Draw(t, "lease"))
			ops = append(ops, &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{
				Key: drawKey.Draw(t, "key"), Value: []byte(rapid.StringMatching("[ab]{0,2}").Draw(t, "value")), Lease: lease,
			}}})
			continue
		}
		d := &storev1.DeleteOp{Key: drawKey.Draw(t, "key")}
		switch rapid.IntRange(0, 2).Draw(t, "end") {
		case 1:
			d.RangeEnd = drawKey.Draw(t, "range end")
			if bytes.Compare(d.RangeEnd, d.Key) <= 0 {
				d.RangeEnd = []byte("l")
			}
		case 2:
			d.RangeEnd = []byte{0}
		}
		ops = append(ops, &storev1.Op{Op: &storev1.Op_Delete{Delete: d}})
	}
	return ops
}

// TestModel drives the state and a naive model of it with the same commands, goes through snapshots
// on the way, and compares everything that can be read, at all revisions, after each step.
func TestModel(t *testing.T) { rapid.Check(t, followsModel) }

func followsModel(t *rapid.T) {
	s, m := New(), newModel()
	t.Repeat(map[string]func(*rapid.T){
		"txn": func(t *rapid.T) {
			req := &storev1.TxnRequest{Success: drawOps(t), Failure: drawOps(t)}
			for range rapid.IntRange(0, 2).Draw(t, "compares") {
				req.Compares = append(req.Compares, drawCompare(t, m.rev))
			}
			result := s.Apply([]*storev1.Command{txnCommand(proto.CloneOf(req))})[0]
			if ValidateTxn(req) != nil {
				if reason(result.Err) != Invalid {
					t.Fatalf("%v: error %v, want invalid", req, result.Err)
				}
				return
			}
			succeeded, deleted, refused := m.txn(req)
			if reason(result.Err) != refused {
				t.Fatalf("%v: error %v, want %q", req, result.Err, refused)
			}
			if refused != "" {
				return
			}
			if result.Txn.Succeeded != succeeded || result.Txn.Revision != m.rev {
				t.Fatalf("%v: %v, want succeeded %t at %d", req, result.Txn, succeeded, m.rev)
			}
			for _, r := range result.Txn.Results {
				if d := r.GetDelete(); d != nil {
					if d.Deleted != deleted[0] {
						t.Fatalf("%v: deleted %d, want %d", req, d.Deleted, deleted[0])
					}
					deleted = deleted[1:]
				}
			}
		},
		"compact": func(t *rapid.T) {
			rev := rapid.Int64Range(0, m.rev).Draw(t, "revision")
			result := s.Apply([]*storev1.Command{compactCommand(rev)})[0]
			m.compact(rev)
			if result.Err != nil || result.Compact.CompactRevision != m.compacted {
				t.Fatalf("%v, %v, want %d", result.Compact, result.Err, m.compacted)
			}
		},
		"free": func(t *rapid.T) {
			for more := true; more && rapid.Bool().Draw(t, "go on"); {
				more = s.Free(rapid.IntRange(1, 9).Draw(t, "limit"))
			}
		},
		"lease": func(t *rapid.T) {
			id := rapid.Int64Range(1, 4).Draw(t, "id")
			if !m.leases[id] {
				if r := s.Apply([]*storev1.Command{grantCommand(id)})[0]; r.Err != nil {
					t.Fatal(r.Err)
				}
				m.leases[id] = true
				return
			}
			if r := s.Apply([]*storev1.Command{revokeCommand(id)})[0]; r.Err != nil {
				t.Fatal(r.Err)
			}
			m.revoke(id)
		},
		"snapshot": func(t *rapid.T) {
			s.Replace(throughSnapshot(t, s))
		},
		"": func(t *rapid.T) {
			if err := m.differs(s); err != nil {
				t.Fatal(err)
			}
		},
	})
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func throughSnapshot(t fataler, s *State) *State {
	t.Helper()
	var buf bytes.Buffer
	n, err := s.Snapshot().WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		t.Fatal("WriteTo: ", n, buf.Len(), err)
	}
	restored, err := Read(&buf)
	if err != nil {
		t.Fatal("Read: ", err)
	}
	return restored
}

// TestSnapshotIsDeterministic: members with the same state write the same bytes, also when one of
// them came to it by way of a snapshot.
func TestSnapshotIsDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		for range rapid.IntRange(0, 20).Draw(t, "txns") {
			s.Apply([]*storev1.Command{txnCommand(&storev1.TxnRequest{Success: drawOps(t)}), grantCommand(rapid.Int64Range(1, 4).Draw(t, "lease"))})
		}
		s.Apply([]*storev1.Command{compactCommand(rapid.Int64Range(0, s.Revision()).Draw(t, "compact"))})
		var a, b bytes.Buffer
		if _, err := s.Snapshot().WriteTo(&a); err != nil {
			t.Fatal(err)
		}
		if _, err := throughSnapshot(t, s).Snapshot().WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatal("the snapshot of a restored state differs")
		}
	})
}

// TestDamagedSnapshotIsRefused: no flipped bit and no missing end goes unnoticed, and none panics.
func TestDamagedSnapshotIsRefused(t *testing.T) {
	s := New()
	for i := range 20 {
		s.Apply([]*storev1.Command{txnCommand(&storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{
			Put: &storev1.PutOp{Key: fmt.Appendf(nil, "k%d", i%7), Value: []byte("value")},
		}}}})})
	}
	s.Apply([]*storev1.Command{compactCommand(10), grantCommand(1)})
	var buf bytes.Buffer
	if _, err := s.Snapshot().WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	whole := buf.Bytes()
	for i := range whole {
		if _, err := Read(bytes.NewReader(whole[:i])); reason(err) != Corrupt {
			t.Fatalf("cut at %d of %d: error %v", i, len(whole), err)
		}
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1 << (i % 8)
		if _, err := Read(bytes.NewReader(damaged)); reason(err) != Corrupt && reason(err) != Unreadable {
			t.Fatalf("bit flipped at %d of %d: error %v", i, len(whole), err)
		}
	}
}
