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
	res := &storev1.RangeResponse{Revision: v.rev}
	count, more, err := v.Walk(req, MaxRangeBytes, func(kv *storev1.KeyValue) bool {
		res.Kvs = append(res.Kvs, kv)
		return true
	})
	if err != nil {
		return nil, err
	}
	res.Count, res.More = count, more
	return res, nil
}

// Walk visits the keys that a request asks for in order, until visit says false: within the request's limit, and within maxBytes
// unless that is 0, though one key in any case. It gives the count of the whole range, and whether keys were left out. When visit made an end the
// count means nothing. Values are shared and must not be changed. At an old revision what was visited counts only
// once Readable has said that it still could be read.
func (v *View) Walk(req *storev1.RangeRequest, maxBytes int64, visit func(*storev1.KeyValue) bool) (count int64, more bool, err error) {
	rev := req.Revision
	if rev == 0 {
		count, more = walk(v.tree, v.rev, req, maxBytes, visit)
		return count, more, nil
	}
	if err := v.Readable(rev); err != nil {
		return 0, false, err
	}
	count, more = walk(v.tree, rev, req, maxBytes, visit)
	// A compaction since the check may have cut versions off under the walk.
	return count, more, v.Readable(rev)
}

// Readable says why a revision cannot be read at the moment; 0 is the view's own, which always can.
func (v *View) Readable(rev int64) error {
	if rev == 0 {
		return nil
	}
	return checkRevision(rev, v.rev, v.state.compacted.Load())
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
	res.Count, res.More = walk(t, rev, req, MaxRangeBytes, func(kv *storev1.KeyValue) bool {
		res.Kvs = append(res.Kvs, kv)
		return true
	})
	return res
}

// walk visits a range as it was at rev.
func walk(t *btree.BTreeG[item], rev int64, req *storev1.RangeRequest, maxBytes int64, visit func(*storev1.KeyValue) bool) (count int64, more bool) {
	var size, visited int64
	KeyRange{req.Key, req.RangeEnd}.ascend(t, func(it item) bool {
		kv := it.head.at(rev).live()
		if kv == nil {
			return true
		}
		count++
		if req.CountOnly || more {
			return true
		}
		if req.KeysOnly {
			kv = &storev1.KeyValue{
				Key: kv.Key, CreateRevision: kv.CreateRevision, ModRevision: kv.ModRevision,
				Version: kv.Version, Lease: kv.Lease,
			}
		}
		size += kvSize(kv)
		if (req.Limit > 0 && visited == req.Limit) || (visited > 0 && maxBytes > 0 && size > maxBytes) {
			more = true
			return true
		}
		visited++
		return visit(kv)
	})
	return count, more
}
