package mvcc

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"io"

	"github.com/google/btree"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// snapshotMagic begins a snapshot.
const snapshotMagic = "KAJISTOR"

// Snapshot is a state at one moment, ready to be written while the state goes on.
type Snapshot struct {
	tree      *btree.BTreeG[item]
	history   history
	leases    []Lease
	rev       int64
	compacted int64
	format    Format
}

// Snapshot captures the state. It costs a copy of the list of history's chunks and of leases, no more.
func (s *State) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{
		tree: s.tree.Clone(), history: s.history.copy(), leases: s.leaseList(),
		rev: s.rev, compacted: s.compacted.Load(), format: s.Format(),
	}
}

// Format gives the format that the snapshot is written in, which is the state's.
func (sn *Snapshot) Format() Format { return sn.format }

// Revision gives the revision of the snapshot.
func (sn *Snapshot) Revision() int64 { return sn.rev }

// WriteTo writes the snapshot in the form that kaji.store.v1.SnapshotRecord describes.
func (sn *Snapshot) WriteTo(out io.Writer) (int64, error) {
	w := newRecordWriter(out)
	w.raw([]byte(snapshotMagic))
	w.record(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Header{Header: &storev1.SnapshotHeader{
		Version: uint32(sn.format), Revision: sn.rev, CompactRevision: sn.compacted,
	}}})
	base := func(kv *storev1.KeyValue) bool {
		w.record(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Base{Base: kv}})
		return w.err == nil
	}
	// The base is what was there before the oldest change in history: keys that have not changed
	// since, and what the first change of the others replaced. It is not found by walking back
	// from the newest versions, as compaction may cut those chains while this runs.
	sn.tree.Ascend(func(it item) bool {
		if kv := it.head.live(); kv != nil && kv.ModRevision < sn.compacted {
			return base(kv)
		}
		return true
	})
	sn.history.each(sn.compacted, func(c Change) bool {
		if kv := c.prev.live(); kv != nil && kv.ModRevision < sn.compacted {
			return base(kv)
		}
		return w.err == nil
	})
	// Changes from before may be there still, until Free has been that far.
	sn.history.each(sn.compacted, func(c Change) bool {
		w.record(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Event{Event: c.Event(false)}})
		return w.err == nil
	})
	for _, l := range sn.leases {
		w.record(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Lease{
			Lease: &storev1.SnapshotLease{Id: l.ID, Ttl: durationpb.New(l.TTL)},
		}})
	}
	w.trailer()
	return w.n, w.err
}

// recordWriter writes records and keeps count and checksum. After an error it does nothing.
type recordWriter struct {
	out     *bufio.Writer
	sum     hash.Hash
	n       int64
	records int64
	err     error
}

func newRecordWriter(out io.Writer) *recordWriter {
	return &recordWriter{out: bufio.NewWriterSize(out, 1<<20), sum: sha256.New()}
}

func (w *recordWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.sum.Write(p[:n])
	w.n += int64(n)
	return n, err
}

func (w *recordWriter) raw(p []byte) {
	if w.err == nil {
		_, w.err = w.Write(p)
	}
}

func (w *recordWriter) record(r *storev1.SnapshotRecord) {
	if w.err == nil {
		_, w.err = protodelim.MarshalTo(w, r)
		w.records++
	}
}

func (w *recordWriter) trailer() {
	w.record(&storev1.SnapshotRecord{Record: &storev1.SnapshotRecord_Trailer{Trailer: &storev1.SnapshotTrailer{
		Records: w.records, Sha256: w.sum.Sum(nil),
	}}})
	if w.err == nil {
		w.err = w.out.Flush()
	}
}
