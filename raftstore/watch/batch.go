package watch

import (
	"sort"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Numbers of the fields of kaji.store.v1.WatchResponse, which is put together from encoded pieces here.
const (
	fieldRevision protowire.Number = 1
	fieldEvents   protowire.Number = 2
)

// batch is events of whole revisions as one pass over the changes made them, in order and never none.
// All watchers of a group share it, and whoever sends it first encodes it for all.
type batch struct {
	events []*storev1.Event
	bytes  int

	encode    sync.Once
	encoded   []byte
	encodeErr error
}

// newBatch makes a batch of events; nil of none.
func newBatch(events []*storev1.Event) *batch {
	if len(events) == 0 {
		return nil
	}
	b := &batch{events: events}
	for _, e := range events {
		b.bytes += eventSize(e)
	}
	return b
}

// eventSize is about what an event takes on the wire.
func eventSize(e *storev1.Event) int {
	return len(e.Kv.Key) + len(e.Kv.Value) + len(e.Previous.GetKey()) + len(e.Previous.GetValue())
}

// first and last are the revisions it begins and ends with.
func (b *batch) first() int64 { return b.events[0].Kv.ModRevision }
func (b *batch) last() int64  { return b.events[len(b.events)-1].Kv.ModRevision }

// from is what of a batch is at revision rev or after; nil when nothing is.
func (b *batch) from(rev int64) *batch {
	if b == nil || b.first() >= rev {
		return b
	}
	return newBatch(b.events[sort.Search(len(b.events), func(i int) bool { return b.events[i].Kv.ModRevision >= rev }):])
}

// split cuts a batch after the whole revisions that fit into limit bytes, the first of them in any case. rest is nil
// when all fits.
func (b *batch) split(limit int) (head, rest *batch) {
	if b.bytes <= limit {
		return b, nil
	}
	if n := fits(b.events, limit); n < len(b.events) {
		return newBatch(b.events[:n]), newBatch(b.events[n:])
	}
	return b, nil
}

// fits gives how many events make one response: whole revisions, of limit bytes if they can be.
func fits(events []*storev1.Event, limit int) int {
	size := 0
	for i, e := range events {
		size += eventSize(e)
		if size > limit {
			for n := i; n > 0; n-- {
				if events[n].Kv.ModRevision != events[n-1].Kv.ModRevision {
					return n
				}
			}
			// The first revision alone is larger; it goes whole.
			for n := i + 1; n < len(events); n++ {
				if events[n].Kv.ModRevision != events[n-1].Kv.ModRevision {
					return n
				}
			}
			break
		}
	}
	return len(events)
}

// wire is the events as fields of a WatchResponse.
func (b *batch) wire() ([]byte, error) {
	b.encode.Do(func() { b.encoded, b.encodeErr = appendEvents(make([]byte, 0, b.bytes+64*len(b.events)), b.events) })
	return b.encoded, b.encodeErr
}

func appendEvents(out []byte, events []*storev1.Event) ([]byte, error) {
	var err error
	for _, e := range events {
		out = protowire.AppendTag(out, fieldEvents, protowire.BytesType)
		out = protowire.AppendVarint(out, uint64(proto.Size(e)))
		if out, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(out, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}
