package mvcc

import (
	"sort"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// chunkChanges bounds what a compaction leaves behind unfreed, and keeps growth from copying.
const chunkChanges = 1024

// Change is one change of one key.
type Change struct {
	cur, prev *version
}

// Revision gives the revision of the change.
func (c Change) Revision() int64 { return c.cur.rev() }

// Key gives the key that changed.
func (c Change) Key() []byte { return c.cur.kv.Key }

// Deletes tells whether the change deleted the key.
func (c Change) Deletes() bool { return c.cur.deleted }

// Event gives the change as the contract tells it.
func (c Change) Event(previous bool) *storev1.Event {
	e := &storev1.Event{Type: storev1.EventType_EVENT_TYPE_PUT, Kv: c.cur.kv}
	if c.cur.deleted {
		e.Type = storev1.EventType_EVENT_TYPE_DELETE
	}
	if previous {
		e.Previous = c.prev.live()
	}
	return e
}

// history is changes in the order of their revisions, in chunks. Elements are never overwritten, so a
// copy of the chunk list stays good while the original goes on.
type history struct {
	chunks [][]Change
	count  int64
}

func (h *history) len() int64 { return h.count }

func (h *history) append(c Change) {
	last := len(h.chunks) - 1
	if last < 0 || len(h.chunks[last]) == cap(h.chunks[last]) {
		h.chunks = append(h.chunks, make([]Change, 0, chunkChanges))
		last++
	}
	h.chunks[last] = append(h.chunks[last], c)
	h.count++
}

// each visits the changes from revision from on, until visit says false.
func (h *history) each(from int64, visit func(Change) bool) {
	first := sort.Search(len(h.chunks), func(i int) bool {
		c := h.chunks[i]
		return c[len(c)-1].Revision() >= from
	})
	for i := first; i < len(h.chunks); i++ {
		chunk := h.chunks[i]
		if i == first {
			chunk = chunk[sort.Search(len(chunk), func(j int) bool { return chunk[j].Revision() >= from }):]
		}
		for _, c := range chunk {
			if !visit(c) {
				return
			}
		}
	}
}

// dropBefore forgets up to limit changes before rev, handing each to forget, and tells whether there are more.
func (h *history) dropBefore(rev int64, limit int, forget func(Change)) (more bool) {
	for len(h.chunks) > 0 {
		chunk, n := h.chunks[0], 0
		for n < len(chunk) && n < limit && chunk[n].Revision() < rev {
			forget(chunk[n])
			n++
		}
		h.count -= int64(n)
		limit -= n
		if n < len(chunk) {
			h.chunks[0] = chunk[n:]
			return limit == 0 && chunk[n].Revision() < rev
		}
		h.chunks[0] = nil
		h.chunks = h.chunks[1:]
	}
	h.chunks = nil
	return false
}

// dropLast takes back the newest change, which no copy has yet.
func (h *history) dropLast() Change {
	last := len(h.chunks) - 1
	chunk := h.chunks[last]
	c := chunk[len(chunk)-1]
	h.count--
	if h.chunks[last] = chunk[:len(chunk)-1]; len(chunk) == 1 {
		h.chunks = h.chunks[:last]
	}
	return c
}

// copy gives the history as it is now.
func (h *history) copy() history {
	return history{chunks: append([][]Change(nil), h.chunks...), count: h.count}
}

// Changes gives changes from revision from on in order: all there are, or about limit of them, but never
// part of a revision. Everything up to revision upTo is in them. When from has been compacted the
// error says so; when from has not been reached there are no changes and upTo is the newest revision.
func (s *State) Changes(from int64, limit int) (changes []Change, upTo int64, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if oldest := s.compacted.Load(); from < oldest {
		return nil, 0, errorf(Compacted, "revision %d has been compacted, the oldest is %d", from, oldest)
	}
	upTo = s.rev
	s.history.each(from, func(c Change) bool {
		if n := len(changes); n >= limit && c.Revision() != changes[n-1].Revision() {
			upTo = changes[n-1].Revision()
			return false
		}
		changes = append(changes, c)
		return true
	})
	return changes, upTo, nil
}
