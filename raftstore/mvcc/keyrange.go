package mvcc

import (
	"bytes"

	"github.com/google/btree"
)

// KeyRange is the keys in [Key, End) in the terms of the contract: an empty End means the key alone,
// a single zero byte means to the end of the key space.
type KeyRange struct {
	Key, End []byte
}

// Single tells whether the range is one key.
func (r KeyRange) Single() bool { return len(r.End) == 0 }

// Open tells whether the range goes to the end of the key space.
func (r KeyRange) Open() bool { return len(r.End) == 1 && r.End[0] == 0 }

// Contains tells whether key is in the range.
func (r KeyRange) Contains(key []byte) bool {
	if r.Single() {
		return bytes.Equal(key, r.Key)
	}
	return bytes.Compare(key, r.Key) >= 0 && (r.Open() || bytes.Compare(key, r.End) < 0)
}

// ascend visits the range's items in order until visit says false.
func (r KeyRange) ascend(t *btree.BTreeG[item], visit func(item) bool) {
	switch {
	case r.Single():
		if it, ok := t.Get(item{key: r.Key}); ok {
			visit(it)
		}
	case r.Open():
		t.AscendGreaterOrEqual(item{key: r.Key}, visit)
	default:
		t.AscendRange(item{key: r.Key}, item{key: r.End}, visit)
	}
}
