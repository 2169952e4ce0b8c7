package mvcc

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"io"

	"google.golang.org/protobuf/encoding/protodelim"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// maxRecordBytes bounds one record of a snapshot, so that a damaged length cannot exhaust memory.
const maxRecordBytes = MaxValueBytes + MaxKeyBytes + 1<<10

// Read makes a state from a snapshot. What follows the snapshot in in is left unread, save what a
// buffer took. A snapshot that is damaged, cut short, or of an unknown format is refused with Corrupt.
func Read(in io.Reader) (*State, error) {
	r := &recordReader{in: bufio.NewReaderSize(in, 1<<20), sum: sha256.New()}
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return nil, errorf(Corrupt, "not a snapshot of a store")
	}
	first, err := r.next()
	if err != nil {
		return nil, err
	}
	h := first.GetHeader()
	if h == nil {
		return nil, errorf(Corrupt, "the snapshot has no header")
	}
	if h.Version != snapshotVersion {
		return nil, errorf(Corrupt, "the snapshot has format %d; this program reads %d", h.Version, snapshotVersion)
	}
	s := New()
	s.rev = h.Revision
	s.compacted.Store(h.CompactRevision)
	for {
		// The trailer holds the checksum of what is before it.
		sum := r.sum.Sum(nil)
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		if t := rec.GetTrailer(); t != nil {
			if t.Records != r.records-1 || !bytes.Equal(t.Sha256, sum) {
				return nil, errorf(Corrupt, "the snapshot's checksum does not fit")
			}
			s.adoptLeases()
			return s, nil
		}
		if err := s.load(rec); err != nil {
			return nil, err
		}
	}
}

// load adds what one record tells.
func (s *State) load(rec *storev1.SnapshotRecord) error {
	switch rec := rec.Record.(type) {
	case *storev1.SnapshotRecord_Base:
		kv := rec.Base
		if len(kv.Key) == 0 || kv.ModRevision >= s.compacted.Load() || s.history.len() > 0 {
			return errorf(Corrupt, "base key %q at %d is out of place", kv.Key, kv.ModRevision)
		}
		s.tree.ReplaceOrInsert(item{key: kv.Key, head: &version{kv: kv}})
		s.keys++
		s.bytes += kvSize(kv)
		s.live += kvSize(kv)
	case *storev1.SnapshotRecord_Event:
		return s.loadEvent(rec.Event)
	case *storev1.SnapshotRecord_Lease:
		l := rec.Lease
		s.leases[l.Id] = &lease{ttl: l.Ttl.AsDuration(), keys: map[string]struct{}{}}
	default:
		return errorf(Corrupt, "a record that this program does not know")
	}
	return nil
}

func (s *State) loadEvent(e *storev1.Event) error {
	kv := e.Kv
	if len(kv.GetKey()) == 0 || kv.ModRevision < s.compacted.Load() || kv.ModRevision > s.rev {
		return errorf(Corrupt, "a change at %d is out of place", kv.GetModRevision())
	}
	if n := len(s.history.chunks); n > 0 {
		if last := s.history.chunks[n-1]; last[len(last)-1].Revision() > kv.ModRevision {
			return errorf(Corrupt, "a change at %d is out of order", kv.ModRevision)
		}
	}
	it, ok := s.tree.Get(item{key: kv.Key})
	if ok {
		kv.Key = it.key
	}
	v := &version{kv: kv, deleted: e.Type == storev1.EventType_EVENT_TYPE_DELETE}
	v.prev.Store(it.head)
	switch was := it.head.live() != nil; {
	case was && v.deleted:
		s.keys--
	case !was && !v.deleted:
		s.keys++
	}
	s.tree.ReplaceOrInsert(item{key: kv.Key, head: v})
	s.history.append(Change{cur: v, prev: it.head})
	s.bytes += v.size()
	s.live += v.size() - it.head.size()
	return nil
}

// adoptLeases gives leases their keys.
func (s *State) adoptLeases() {
	s.tree.Ascend(func(it item) bool {
		if kv := it.head.live(); kv.GetLease() != 0 {
			s.attach(kv.Lease, it.key)
		}
		return true
	})
}

// recordReader reads records and keeps count and checksum of the bytes used.
type recordReader struct {
	in      *bufio.Reader
	sum     hash.Hash
	records int64
	one     [1]byte
}

func (r *recordReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.sum.Write(p[:n])
	return n, err
}

func (r *recordReader) ReadByte() (byte, error) {
	b, err := r.in.ReadByte()
	if err == nil {
		r.one[0] = b
		r.sum.Write(r.one[:])
	}
	return b, err
}

func (r *recordReader) next() (*storev1.SnapshotRecord, error) {
	rec := &storev1.SnapshotRecord{}
	opts := protodelim.UnmarshalOptions{MaxSize: maxRecordBytes}
	if err := opts.UnmarshalFrom(r, rec); err != nil {
		return nil, errorf(Corrupt, "the snapshot ends early or is damaged after %d records: %s", r.records, err)
	}
	r.records++
	return rec, nil
}
