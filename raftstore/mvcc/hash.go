package mvcc

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
)

// hashPause is how many keys are hashed between two looks at whether anybody still wants to know.
const hashPause = 1024

// Hash gives the revision it was taken at, a SHA-256 over the keys there were, and their number; 0 means the revision
// of the view. What goes into it is in kaji.store.v1.HashResponse. It ends early when ctx does.
func (v *View) Hash(ctx context.Context, rev int64) (at int64, sum []byte, keys int64, err error) {
	if rev == 0 {
		rev = v.rev
	}
	if err := checkRevision(rev, v.rev, v.state.compacted.Load()); err != nil {
		return 0, nil, 0, err
	}
	h := sha256.New()
	var b []byte
	visited := 0
	v.tree.Ascend(func(it item) bool {
		if visited++; visited%hashPause == 0 && ctx.Err() != nil {
			return false
		}
		kv := it.head.at(rev).live()
		if kv == nil {
			return true
		}
		keys++
		b = binary.BigEndian.AppendUint32(b[:0], uint32(len(kv.Key)))
		b = append(b, kv.Key...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(kv.Value)))
		h.Write(b)
		h.Write(kv.Value)
		b = b[:0]
		for _, n := range []int64{kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
		h.Write(b)
		return true
	})
	if err := ctx.Err(); err != nil {
		return 0, nil, 0, err
	}
	// A compaction since the check may have cut versions off under the walk.
	if err := checkRevision(rev, v.rev, v.state.compacted.Load()); err != nil {
		return 0, nil, 0, err
	}
	return rev, h.Sum(nil), keys, nil
}
