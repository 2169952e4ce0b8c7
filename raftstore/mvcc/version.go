package mvcc

import (
	"bytes"
	"sync/atomic"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// version is a key as it was from one revision to the next. All but prev is immutable.
type version struct {
	// kv is the key and value; of a tombstone, key and mod_revision alone.
	kv      *storev1.KeyValue
	deleted bool
	// prev is the version before. Compaction cuts it while views may be walking it, so a reader of an
	// old revision checks afterwards that the revision has not been compacted.
	prev atomic.Pointer[version]
}

func (v *version) rev() int64 { return v.kv.ModRevision }

// live gives the key, or nil for no version and for a tombstone.
func (v *version) live() *storev1.KeyValue {
	if v == nil || v.deleted {
		return nil
	}
	return v.kv
}

// at gives the version that was current at rev, or nil.
func (v *version) at(rev int64) *version {
	for v != nil && v.rev() > rev {
		v = v.prev.Load()
	}
	return v
}

// size is what a version counts for in bytes held. A tombstone counts nothing, so that a member that
// got the state by snapshot, where old tombstones are left out, agrees with the others.
func (v *version) size() int64 {
	if v == nil || v.deleted {
		return 0
	}
	return kvSize(v.kv)
}

func kvSize(kv *storev1.KeyValue) int64 { return int64(len(kv.Key) + len(kv.Value)) }

// item is what the tree holds for a key.
type item struct {
	key  []byte
	head *version
}

func itemLess(a, b item) bool { return bytes.Compare(a.key, b.key) < 0 }
