package watchcache

// history is the recent changes of one kind, oldest first, bounded by number and bytes.
type history struct {
	events    []*event // ring
	start     int
	count     int
	bytes     int
	maxEvents int
	maxBytes  int
	lastSeq   int64 // of the newest event ever
	low       int64 // all changes after this revision are here
}

func newHistory(maxEvents, maxBytes int) *history {
	return &history{maxEvents: maxEvents, maxBytes: maxBytes}
}

// reset forgets everything; what comes is after this revision. A position is skipped, so that nobody goes on
// across the gap.
func (h *history) reset(revision int64) {
	clear(h.events)
	h.lastSeq++
	h.start, h.count, h.bytes, h.low = 0, 0, 0, revision
}

func (h *history) at(i int) *event { return h.events[(h.start+i)%len(h.events)] }

// last is the revision of the newest change that is here, or the one the history begins after.
func (h *history) last() int64 {
	if h.count == 0 {
		return h.low
	}
	return h.at(h.count - 1).revision
}

func (h *history) add(e *event) {
	for h.count > 0 && (h.count == h.maxEvents || h.bytes+e.size() > h.maxBytes) {
		oldest := h.events[h.start]
		h.events[h.start] = nil
		h.start = (h.start + 1) % len(h.events)
		h.count--
		h.bytes -= oldest.size()
		h.low = oldest.revision
	}
	if h.count == len(h.events) {
		grown := make([]*event, max(64, min(2*len(h.events), h.maxEvents)))
		for i := range h.count {
			grown[i] = h.at(i)
		}
		h.events, h.start = grown, 0
	}
	h.events[(h.start+h.count)%len(h.events)] = e
	h.count++
	h.bytes += e.size()
	h.lastSeq = e.seq
}

// positionAfter finds the position from which a client that has seen everything up to the revision must be
// told; false when some of it is forgotten. A revision that changed several objects is told again: the client
// may have lost its stream in the middle of it.
func (h *history) positionAfter(revision int64) (int64, bool) {
	if revision < h.low {
		return 0, false
	}
	i := h.search(func(e *event) bool { return e.revision > revision })
	same := h.search(func(e *event) bool { return e.revision >= revision })
	if revision == h.low && same < i {
		return 0, false // a part of that revision is forgotten
	}
	if i-same > 1 {
		i = same
	}
	return h.lastSeq - int64(h.count-i), true
}

// afterSeq finds the changes after a position; false when some of them are forgotten.
func (h *history) afterSeq(seq int64) ([]*event, bool) {
	if oldest := h.lastSeq - int64(h.count) + 1; seq+1 < oldest {
		return nil, false
	}
	return h.from(h.search(func(e *event) bool { return e.seq > seq })), true
}

func (h *history) from(i int) []*event {
	out := make([]*event, 0, h.count-i)
	for ; i < h.count; i++ {
		out = append(out, h.at(i))
	}
	return out
}

// search is the index of the first event for which f holds; f never goes back to false.
func (h *history) search(f func(*event) bool) int {
	lo, hi := 0, h.count
	for lo < hi {
		mid := (lo + hi) / 2
		if f(h.at(mid)) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
