package mvcc

import (
	"github.com/google/btree"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// MaxRangeBytes ends the answer to a Range; what is left is told by more.
const MaxRangeBytes = 64 << 20

// View is the store as it was at one moment. It costs nothing to keep but the memory of what has
// changed since, and its reads neither wait for writes nor hold them up.
type View struct {
	state *State
	tree  *btree.BTreeG[item]
	rev   int64
}

// View gives the newest state.
func (s *State) View() *View {
	s.mu.RLock()
	v := s.view
	s.mu.RUnlock()
	if v != nil {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		// Cloning is O(1): the next write copies the nodes it changes.
		s.view = &View{state: s, tree: s.tree.Clone(), rev: s.rev}
	}
	return s.view
}

// Revision gives the revision of the view.
func (v *View) Revision() int64 { return v.rev }

// Range answers a request from the view; whether the view is new enough is the caller's business.
func (v *View) Range(req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	if err := ValidateRange(req.Key, req.RangeEnd); err != nil {
		return nil, err
	}
	rev := req.Revision
	if rev == 0 {
		return rangeTree(v.tree, v.rev, req), nil
	}
	if err := checkRevision(rev, v.rev, v.state.compacted.Load()); err != nil {
		return nil, err
	}
	res := rangeTree(v.tree, rev, req)
	res.Revision = v.rev
	// A compaction since the check may have cut versions off under the walk.
	if err := checkRevision(rev, v.rev, v.state.compacted.Load()); err != nil {
		return nil, err
	}
	return res, nil
}

func checkRevision(rev, newest, compacted int64) error {
	switch {
	case rev < 0:
		return errorf(Invalid, "revision: %d is negative", rev)
	case rev > newest:
		return errorf(FutureRevision, "revision %d has not been reached, the newest is %d", rev, newest)
	case rev < compacted:
		return errorf(Compacted, "revision %d has been compacted, the oldest is %d", rev, compacted)
	}
	return nil
}

// rangeTree collects a range as it was at rev.
func rangeTree(t *btree.BTreeG[item], rev int64, req *storev1.RangeRequest) *storev1.RangeResponse {
	res := &storev1.RangeResponse{Revision: rev}
	var size int64
	KeyRange{req.Key, req.RangeEnd}.ascend(t, func(it item) bool {
		kv := it.head.at(rev).live()
		if kv == nil {
			return true
		}
		res.Count++
		if req.CountOnly || res.More {
			return true
		}
		if req.KeysOnly {
			kv = &storev1.KeyValue{
				Key: kv.Key, CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision,
				Version: kv.Version, Lease: kv.Lease,
			}
		}
		size += kvSize(kv)
		if n := int64(len(res.Kvs)); (req.Limit > 0 && n == req.Limit) || (n > 0 && size > MaxRangeBytes) {
			res.More = true
			return true
		}
		res.Kvs = append(res.Kvs, kv)
		return true
	})
	return res
}
