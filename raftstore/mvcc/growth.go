package mvcc

import storev1 "kaji.dev/kaji/gen/kaji/store/v1"

// Growth is what a transaction would do to the size of the state, either way it may go.
type Growth struct {
	// Puts: it puts something; Creates: something that is not there yet.
	Puts, Creates bool
	// Most is by how many bytes the put that grows its key most does so; it may be negative.
	Most int64
}

// Growth gives what a transaction would do to the size of the state now.
func (s *State) Growth(req *storev1.TxnRequest) (g Growth) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, ops := range [][]*storev1.Op{req.GetSuccess(), req.GetFailure()} {
		for _, op := range ops {
			p := op.GetPut()
			if p == nil {
				continue
			}
			grows := int64(len(p.Key) + len(p.Value))
			it, _ := s.tree.Get(item{key: p.Key})
			g.Creates = g.Creates || it.head.live() == nil
			grows -= it.head.size()
			if !g.Puts || grows > g.Most {
				g.Puts, g.Most = true, grows
			}
		}
	}
	return g
}
