package mvcc

import (
	"bytes"
	"io"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Summary is what a snapshot says of itself.
type Summary struct {
	// Version is that of its format.
	Version uint32
	// Revision is the newest revision in it, Compacted the oldest that can be read.
	Revision, Compacted int64
	// Keys counts keys in the newest revision, Leases leases, Records all records.
	Keys, Leases, Records int64
	// Bytes is its size.
	Bytes int64
}

// Verify reads a snapshot to its end without making a state of it, in little memory. A snapshot that is
// damaged or cut short is refused with Corrupt, and so is what has anything behind its end; a format that this program does not read
// with Unreadable.
func Verify(in io.Reader) (Summary, error) {
	counted := &countingReader{in: in}
	r := newRecordReader(counted)
	defer r.close()
	h, err := r.head()
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Version: h.Version, Revision: h.Revision, Compacted: h.CompactRevision}
	for {
		rec, err := r.next()
		if err != nil {
			return s, err
		}
		switch rec := rec.Record.(type) {
		case *storev1.SnapshotRecord_Base:
			s.Keys++
		case *storev1.SnapshotRecord_Event:
			switch kv := rec.Event.Kv; {
			case rec.Event.Type == storev1.EventType_EVENT_TYPE_DELETE:
				s.Keys--
			case kv.GetCreateRevision() == kv.GetModRevision():
				s.Keys++
			}
		case *storev1.SnapshotRecord_Lease:
			s.Leases++
		case *storev1.SnapshotRecord_Trailer:
			if rec.Trailer.Records != r.records-1 || !bytes.Equal(rec.Trailer.Sha256, r.sumBefore()) {
				return s, errorf(Corrupt, "the snapshot's checksum does not fit")
			}
			if !r.ended() {
				return s, errorf(Corrupt, "something follows the snapshot, which ends after %d records", r.records)
			}
			s.Records, s.Bytes = r.records, counted.n
			return s, nil
		default:
			return s, errorf(Corrupt, "a record that this program does not know")
		}
	}
}

type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}
