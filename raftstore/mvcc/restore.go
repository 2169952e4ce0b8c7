package mvcc

import (
	"bytes"
	"io"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// maxRecordBytes bounds one record of a snapshot, so that a damaged length cannot exhaust memory.
const maxRecordBytes = MaxValueBytes + MaxKeyBytes + 1<<10

// Read makes a state from a snapshot. What follows the snapshot in in is left unread, save what a
// buffer took. A snapshot that is damaged or cut short is refused with Corrupt, one of a format that this program does not read with
// Unreadable.
func Read(in io.Reader) (*State, error) {
	r := newRecordReader(in)
	defer r.close()
	h, err := r.head()
	if err != nil {
		return nil, err
	}
	l := &loader{State: New()}
	l.rev = h.Revision
	l.compacted.Store(h.CompactRevision)
	l.AdoptFormat(Format(h.Version))
	for {
		rec, err := r.next()
		if err != nil {
			return nil, err
		}
		if t := rec.GetTrailer(); t != nil {
			if t.Records != r.records-1 || !bytes.Equal(t.Sha256, r.sumBefore()) {
				return nil, errorf(Corrupt, "the snapshot's checksum does not fit")
			}
			if err := l.adoptLeases(); err != nil {
				return nil, err
			}
			return l.State, nil
		}
		if err := l.load(rec); err != nil {
			return nil, err
		}
	}
}

// loader makes a state from records. It takes only what a state could have written: one that is wrong in itself would be written
// down and handed on as if it were not.
type loader struct {
	*State
	// lastLease is the id of the last lease, 0 before the first.
	lastLease int64
}

// load adds what one record tells.
func (l *loader) load(rec *storev1.SnapshotRecord) error {
	switch rec := rec.Record.(type) {
	case *storev1.SnapshotRecord_Base:
		return l.loadBase(rec.Base)
	case *storev1.SnapshotRecord_Event:
		return l.loadEvent(rec.Event)
	case *storev1.SnapshotRecord_Lease:
		return l.loadLease(rec.Lease)
	}
	return errorf(Corrupt, "a record that this program does not know")
}

func (l *loader) loadBase(kv *storev1.KeyValue) error {
	if validateKey(kv.Key) != nil || kv.ModRevision >= l.compacted.Load() || l.history.len() > 0 || l.lastLease != 0 {
		return errorf(Corrupt, "base key %q at %d is out of place", kv.Key, kv.ModRevision)
	}
	if kv.CreateRevision < 1 || kv.CreateRevision > kv.ModRevision || kv.Version < 1 {
		return errorf(Corrupt, "base key %q at %d is version %d since %d", kv.Key, kv.ModRevision, kv.Version, kv.CreateRevision)
	}
	if _, twice := l.tree.ReplaceOrInsert(item{key: kv.Key, head: &version{kv: kv}}); twice {
		return errorf(Corrupt, "base key %q is there twice", kv.Key)
	}
	l.keys++
	l.bytes += kvSize(kv)
	l.live += kvSize(kv)
	return nil
}

func (l *loader) loadEvent(e *storev1.Event) error {
	kv := e.Kv
	if validateKey(kv.GetKey()) != nil || kv.ModRevision < l.compacted.Load() || kv.ModRevision > l.rev || l.lastLease != 0 {
		return errorf(Corrupt, "a change at %d is out of place", kv.GetModRevision())
	}
	if n := len(l.history.chunks); n > 0 {
		if last := l.history.chunks[n-1]; last[len(last)-1].Revision() > kv.ModRevision {
			return errorf(Corrupt, "a change at %d is out of order", kv.ModRevision)
		}
	}
	it, ok := l.tree.Get(item{key: kv.Key})
	if ok {
		kv.Key = it.key
	}
	v := &version{kv: kv, deleted: e.Type == storev1.EventType_EVENT_TYPE_DELETE}
	if !follows(it.head, v, e.Type) {
		return errorf(Corrupt, "the change of key %q at %d does not follow from what was before", kv.Key, kv.ModRevision)
	}
	v.prev.Store(it.head)
	switch was := it.head.live() != nil; {
	case was && v.deleted:
		l.keys--
	case !was && !v.deleted:
		l.keys++
	}
	l.tree.ReplaceOrInsert(item{key: kv.Key, head: v})
	l.history.append(Change{cur: v, prev: it.head})
	l.bytes += v.size()
	l.live += v.size() - it.head.size()
	return nil
}

// follows tells whether v could have been written after prev.
func follows(prev, v *version, kind storev1.EventType) bool {
	if prev != nil && prev.rev() >= v.rev() {
		return false
	}
	was := prev.live()
	switch kind {
	case storev1.EventType_EVENT_TYPE_DELETE:
		return was != nil
	case storev1.EventType_EVENT_TYPE_PUT:
		if was == nil {
			return v.kv.CreateRevision == v.rev() && v.kv.Version == 1
		}
		return v.kv.CreateRevision == was.CreateRevision && v.kv.Version == was.Version+1
	}
	return false
}

func (l *loader) loadLease(rec *storev1.SnapshotLease) error {
	if rec.Id <= l.lastLease || ValidateLeaseGrant(&storev1.LeaseGrantRequest{Id: rec.Id, Ttl: rec.Ttl}) != nil {
		return errorf(Corrupt, "lease %d of %s is out of place", rec.Id, rec.Ttl.AsDuration())
	}
	l.lastLease = rec.Id
	l.leases[rec.Id] = &lease{ttl: rec.Ttl.AsDuration(), keys: map[string]struct{}{}}
	return nil
}

// adoptLeases gives leases their keys.
func (l *loader) adoptLeases() (err error) {
	l.tree.Ascend(func(it item) bool {
		if id := it.head.live().GetLease(); id != 0 {
			if l.leases[id] == nil {
				err = errorf(Corrupt, "key %q has lease %d, which is not there", it.key, id)
				return false
			}
			l.attach(id, it.key)
		}
		return true
	})
	return err
}
