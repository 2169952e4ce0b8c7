package mvcc

import storev1 "kaji.dev/kaji/gen/kaji/store/v1"

// compact makes revisions before the requested one unreadable. Asking again, or for less, is no error.
func (s *State) compact(req *storev1.CompactRequest) (*storev1.CompactResponse, error) {
	if req.GetRevision() > s.rev {
		return nil, errorf(FutureRevision, "revision %d has not been reached, the newest is %d", req.GetRevision(), s.rev)
	}
	if req.GetRevision() > s.compacted.Load() {
		s.forget(req.GetRevision())
	}
	return &storev1.CompactResponse{CompactRevision: s.compacted.Load()}, nil
}

// forget drops what can only be seen before rev. It costs as much as there are changes to drop.
func (s *State) forget(rev int64) {
	// First, so that a reader that finds a cut chain also finds its revision compacted.
	s.compacted.Store(rev)
	s.history.dropBefore(rev, func(c Change) {
		// The change made its predecessor old before rev. What was before that was cut off
		// when the predecessor's own change was dropped.
		s.bytes -= c.prev.size()
		c.cur.prev.Store(nil)
		if !c.cur.deleted {
			return
		}
		if it, ok := s.tree.Get(item{key: c.cur.kv.Key}); ok && it.head == c.cur {
			s.tree.Delete(it)
			s.view = nil
		}
	})
}
