package runtime

import (
	"strconv"
	"time"

	"kaji.dev/kaji/kind"
)

// doubtAfter is how long a cache may lag behind a write before the write itself is doubted: a store that was restored from a
// backup counts revisions from an earlier one, and what was written is not there any more.
const doubtAfter = 30 * time.Second

// Barrier is the revision that a cache must have reached before a controller may decide on it: that of its own last write. Caches
// apply events in the order of revisions, so from there on the controller reads its own writes. The zero value holds nothing
// up. It is not for concurrent use.
type Barrier struct {
	revision int64
	raised   time.Time
}

// Raise notes an object as it came back from a write.
func (b *Barrier) Raise(o kind.Object, now time.Time) {
	revision, err := strconv.ParseInt(o.GetMetadata().GetResourceVersion(), 10, 64)
	if err == nil && revision > b.revision {
		b.revision, b.raised = revision, now
	}
}

// Passed tells whether a cache at the revision shows all writes.
func (b *Barrier) Passed(cache int64) bool { return cache >= b.revision }

// Doubtful tells whether a cache that has not passed has had long enough: then the API is to be asked what there is, and the
// barrier to be set anew from that.
func (b *Barrier) Doubtful(cache int64, now time.Time) bool {
	return !b.Passed(cache) && now.Sub(b.raised) > doubtAfter
}

// Reset drops the barrier.
func (b *Barrier) Reset() { *b = Barrier{} }
