package mvcc

import storev1 "kaji.dev/kaji/gen/kaji/store/v1"

// compact makes revisions before the requested one unreadable. Asking again, or for less, is no error. What can only be seen
// before is freed by Free, so that no compaction, however large, holds up a write.
func (s *State) compact(req *storev1.CompactRequest) (*storev1.CompactResponse, error) {
	if req.GetRevision() > s.rev {
		return nil, errorf(FutureRevision, "revision %d has not been reached, the newest is %d", req.GetRevision(), s.rev)
	}
	if req.GetRevision() > s.compacted.Load() {
		s.compacted.Store(req.GetRevision())
	}
	return &storev1.CompactResponse{CompactRevision: s.compacted.Load()}, nil
}

// Free lets go of up to limit changes that were compacted, and tells whether there are more. How far it has come shows in nothing but
// the bytes and changes that Stats counts: members need not be equally far.
func (s *State) Free(limit int) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free(limit)
}

func (s *State) free(limit int) (more bool) {
	return s.history.dropBefore(s.compacted.Load(), limit, func(c Change) {
		// The change made its predecessor old before the compacted revision. What was before that was cut off
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
