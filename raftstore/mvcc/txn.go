package mvcc

import (
	"bytes"
	"cmp"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// txn carries out a transaction. Everything that can be refused is refused before the first write.
func (s *State) txn(req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	if err := checkForm(req); err != nil {
		return nil, err
	}
	res := &storev1.TxnResponse{Succeeded: s.holds(req.Compares)}
	ops := req.Failure
	if res.Succeeded {
		ops = req.Success
	}
	if err := s.checkOps(ops); err != nil {
		return nil, err
	}
	w := writer{s: s, rev: s.rev + 1}
	res.Results = make([]*storev1.OpResult, len(ops))
	for i, op := range ops {
		switch op := op.Op.(type) {
		case *storev1.Op_Put:
			prev := w.put(op.Put.Key, op.Put.Value, op.Put.Lease)
			r := &storev1.PutResult{}
			if op.Put.Previous {
				r.Previous = prev
			}
			res.Results[i] = &storev1.OpResult{Result: &storev1.OpResult_Put{Put: r}}
		case *storev1.Op_Delete:
			res.Results[i] = &storev1.OpResult{Result: &storev1.OpResult_Delete{Delete: w.deleteRange(op.Delete)}}
		case *storev1.Op_Range:
			now := s.rev
			if w.wrote {
				now = w.rev
			}
			at := op.Range.Revision
			if at == 0 {
				at = now
			}
			r := rangeTree(s.tree, at, op.Range)
			r.Revision = now
			res.Results[i] = &storev1.OpResult{Result: &storev1.OpResult_Range{Range: r}}
		}
	}
	w.finish()
	res.Revision = s.rev
	return res, nil
}

// checkOps refuses steps that the state, rather than their form, makes impossible.
func (s *State) checkOps(ops []*storev1.Op) error {
	for _, op := range ops {
		switch op := op.Op.(type) {
		case *storev1.Op_Put:
			if l := op.Put.Lease; l != 0 && s.leases[l] == nil {
				return errorf(LeaseNotFound, "there is no lease %d", l)
			}
		case *storev1.Op_Range:
			if op.Range.Revision != 0 {
				if err := checkRevision(op.Range.Revision, s.rev, s.compacted.Load()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// holds tells whether all compares do.
func (s *State) holds(compares []*storev1.Compare) bool {
	for _, c := range compares {
		it, _ := s.tree.Get(item{key: c.Key})
		kv := it.head.live() // nil reads as zeros
		var sign int
		switch t := c.Target.(type) {
		case *storev1.Compare_Version:
			sign = cmp.Compare(kv.GetVersion(), t.Version)
		case *storev1.Compare_CreateRevision:
			sign = cmp.Compare(kv.GetCreateRevision(), t.CreateRevision)
		case *storev1.Compare_ModRevision:
			sign = cmp.Compare(kv.GetModRevision(), t.ModRevision)
		case *storev1.Compare_Value:
			sign = bytes.Compare(kv.GetValue(), t.Value)
			if kv == nil {
				// An absent key has no value: it differs from every value, the empty one too.
				if c.Operator != storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL {
					return false
				}
				continue
			}
		case *storev1.Compare_Lease:
			sign = cmp.Compare(kv.GetLease(), t.Lease)
		}
		var ok bool
		switch c.Operator {
		case storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL:
			ok = sign != 0
		case storev1.CompareOperator_COMPARE_OPERATOR_GREATER:
			ok = sign > 0
		case storev1.CompareOperator_COMPARE_OPERATOR_LESS:
			ok = sign < 0
		default:
			ok = sign == 0
		}
		if !ok {
			return false
		}
	}
	return true
}

// writer makes the writes of one command, all at one revision.
type writer struct {
	s     *State
	rev   int64
	wrote bool
}

func (w *writer) put(key, value []byte, leaseID int64) *storev1.KeyValue {
	s := w.s
	it, ok := s.tree.Get(item{key: key})
	prev := it.head.live()
	kv := &storev1.KeyValue{Key: key, Value: value, CreateRevision: w.rev, ModRevision: w.rev, Version: 1, Lease: leaseID}
	if ok {
		kv.Key = it.key // One copy of the key for all its versions.
	}
	if prev != nil {
		kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
	} else {
		s.keys++
	}
	if old := prev.GetLease(); old != leaseID {
		s.detach(old, key)
		s.attach(leaseID, kv.Key)
	}
	w.add(&version{kv: kv}, it.head)
	return prev
}

func (w *writer) deleteRange(req *storev1.DeleteOp) *storev1.DeleteResult {
	res := &storev1.DeleteResult{}
	var found []item
	KeyRange{req.Key, req.RangeEnd}.ascend(w.s.tree, func(it item) bool {
		if !it.head.deleted {
			found = append(found, it)
		}
		return true
	})
	for _, it := range found {
		w.delete(it)
		if req.Previous {
			res.Previous = append(res.Previous, it.head.kv)
		}
	}
	res.Deleted = int64(len(found))
	return res
}

func (w *writer) delete(it item) {
	w.s.keys--
	w.s.detach(it.head.kv.Lease, it.key)
	w.add(&version{kv: &storev1.KeyValue{Key: it.key, ModRevision: w.rev}, deleted: true}, it.head)
}

// add makes v the newest version of its key.
func (w *writer) add(v, prev *version) {
	v.prev.Store(prev)
	// Before the tree, as history is what undo goes by.
	w.s.history.append(Change{cur: v, prev: prev})
	w.s.tree.ReplaceOrInsert(item{key: v.kv.Key, head: v})
	w.s.bytes += v.size()
	w.s.live += v.size() - prev.size()
	w.wrote = true
}

func (w *writer) finish() {
	if w.wrote {
		w.s.rev, w.s.view = w.rev, nil
	}
}
