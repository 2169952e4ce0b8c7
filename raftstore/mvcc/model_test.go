package mvcc

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// model is the store as one would write it with no thought for speed: all keys of every revision.
type model struct {
	revs      map[int64]map[string]*storev1.KeyValue
	rev       int64
	compacted int64
	leases    map[int64]bool
	changes   []*storev1.Event
}

func newModel() *model {
	return &model{revs: map[int64]map[string]*storev1.KeyValue{1: {}}, rev: 1, compacted: 1, leases: map[int64]bool{}}
}

func (m *model) in(key string, op *storev1.DeleteOp) bool {
	switch {
	case len(op.RangeEnd) == 0:
		return key == string(op.Key)
	case string(op.RangeEnd) == "\x00":
		return key >= string(op.Key)
	}
	return key >= string(op.Key) && key < string(op.RangeEnd)
}

func (m *model) get(rev int64, key, end []byte) []*storev1.KeyValue {
	var found []*storev1.KeyValue
	for _, k := range slices.Sorted(maps.Keys(m.revs[rev])) {
		if m.in(k, &storev1.DeleteOp{Key: key, RangeEnd: end}) {
			found = append(found, m.revs[rev][k])
		}
	}
	return found
}

func (m *model) holds(c *storev1.Compare) bool {
	kv, ok := m.revs[m.rev][string(c.Key)]
	var sign int64
	switch t := c.Target.(type) {
	case *storev1.Compare_Version:
		sign = kv.GetVersion() - t.Version
	case *storev1.Compare_CreateRevision:
		sign = kv.GetCreateRevision() - t.CreateRevision
	case *storev1.Compare_ModRevision:
		sign = kv.GetModRevision() - t.ModRevision
	case *storev1.Compare_Lease:
		sign = kv.GetLease() - t.Lease
	case *storev1.Compare_Value:
		if !ok {
			return c.Operator == storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL
		}
		sign = int64(bytes.Compare(kv.Value, t.Value))
	}
	switch c.Operator {
	case storev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL:
		return sign != 0
	case storev1.CompareOperator_COMPARE_OPERATOR_GREATER:
		return sign > 0
	case storev1.CompareOperator_COMPARE_OPERATOR_LESS:
		return sign < 0
	}
	return sign == 0
}

// txn gives whether the compares held, and how many keys each delete removed.
func (m *model) txn(req *storev1.TxnRequest) (succeeded bool, deleted []int64, reason Reason) {
	succeeded = true
	for _, c := range req.Compares {
		succeeded = succeeded && m.holds(c)
	}
	ops := req.Failure
	if succeeded {
		ops = req.Success
	}
	for _, op := range ops {
		if p := op.GetPut(); p != nil && p.Lease != 0 && !m.leases[p.Lease] {
			return succeeded, nil, LeaseNotFound
		}
	}
	now, rev := maps.Clone(m.revs[m.rev]), m.rev+1
	var events []*storev1.Event
	for _, op := range ops {
		if p := op.GetPut(); p != nil {
			prev := now[string(p.Key)]
			kv := &storev1.KeyValue{Key: p.Key, Value: p.Value, ModRevision: rev, CreateRevision: rev, Version: 1, Lease: p.Lease}
			if prev != nil {
				kv.CreateRevision, kv.Version = prev.CreateRevision, prev.Version+1
			}
			now[string(p.Key)] = kv
			events = append(events, &storev1.Event{Type: storev1.EventType_EVENT_TYPE_PUT, Kv: kv, Previous: prev})
		}
		if d := op.GetDelete(); d != nil {
			var n int64
			for _, k := range slices.Sorted(maps.Keys(now)) {
				if m.in(k, d) {
					events = append(events, m.deletion(rev, now[k]))
					delete(now, k)
					n++
				}
			}
			deleted = append(deleted, n)
		}
	}
	m.commit(now, events)
	return succeeded, deleted, ""
}

func (m *model) deletion(rev int64, kv *storev1.KeyValue) *storev1.Event {
	return &storev1.Event{
		Type: storev1.EventType_EVENT_TYPE_DELETE,
		Kv:   &storev1.KeyValue{Key: kv.Key, ModRevision: rev}, Previous: kv,
	}
}

func (m *model) commit(now map[string]*storev1.KeyValue, events []*storev1.Event) {
	if len(events) > 0 {
		m.rev++
		m.revs[m.rev] = now
		m.changes = append(m.changes, events...)
	}
}

func (m *model) revoke(id int64) {
	now := maps.Clone(m.revs[m.rev])
	var events []*storev1.Event
	for _, k := range slices.Sorted(maps.Keys(now)) {
		if now[k].Lease == id {
			events = append(events, m.deletion(m.rev+1, now[k]))
			delete(now, k)
		}
	}
	delete(m.leases, id)
	m.commit(now, events)
}

func (m *model) compact(rev int64) {
	m.compacted = max(m.compacted, rev)
}

// differs says where a state is not what the model is.
func (m *model) differs(s *State) error {
	st := s.Stats()
	if st.Revision != m.rev || st.Compacted != m.compacted || st.Keys != int64(len(m.revs[m.rev])) || st.Leases != int64(len(m.leases)) {
		return fmt.Errorf("stats %+v, want revision %d, compacted %d, keys %d, leases %d",
			st, m.rev, m.compacted, len(m.revs[m.rev]), len(m.leases))
	}
	var live int64
	for _, kv := range m.revs[m.rev] {
		live += kvSize(kv)
	}
	if st.LiveBytes != live {
		return fmt.Errorf("%d live bytes counted, %d held", st.LiveBytes, live)
	}
	v := s.View()
	held := map[*storev1.KeyValue]bool{}
	for rev := max(1, m.compacted-2); rev <= m.rev+1; rev++ {
		res, err := v.Range(&storev1.RangeRequest{RangeEnd: []byte{0}, Revision: rev})
		switch {
		case rev < m.compacted:
			if reason(err) != Compacted {
				return fmt.Errorf("range at %d, compacted at %d: error %v", rev, m.compacted, err)
			}
			continue
		case rev > m.rev:
			if reason(err) != FutureRevision {
				return fmt.Errorf("range at %d, newest %d: error %v", rev, m.rev, err)
			}
			continue
		case err != nil:
			return fmt.Errorf("range at %d: %w", rev, err)
		}
		want := m.get(rev, nil, []byte{0})
		if len(want) != len(res.Kvs) {
			return fmt.Errorf("range at %d has %d keys, want %d", rev, len(res.Kvs), len(want))
		}
		for i := range want {
			if !proto.Equal(want[i], res.Kvs[i]) {
				return fmt.Errorf("range at %d has %v, want %v", rev, res.Kvs[i], want[i])
			}
			held[res.Kvs[i]] = true
		}
	}
	return m.historyDiffers(s, st, held)
}

func (m *model) historyDiffers(s *State, st Stats, held map[*storev1.KeyValue]bool) error {
	changes, upTo, err := s.Changes(m.compacted, 1<<30)
	if err != nil || upTo != m.rev {
		return fmt.Errorf("changes from %d: up to %d, error %v", m.compacted, upTo, err)
	}
	var want []*storev1.Event
	for _, e := range m.changes {
		if e.Kv.ModRevision >= m.compacted {
			want = append(want, e)
		}
	}
	// What was compacted may not be freed yet, and then counts.
	freed := st.Changes == int64(len(want))
	if len(changes) != len(want) || st.Changes < int64(len(want)) {
		return fmt.Errorf("%d changes, counted as %d, want %d", len(changes), st.Changes, len(want))
	}
	for i, c := range changes {
		got := c.Event(true)
		if !proto.Equal(got, want[i]) {
			return fmt.Errorf("change %d is %v, want %v", i, got, want[i])
		}
		if got.Previous != nil {
			held[got.Previous] = true
		}
	}
	var size int64
	for kv := range held {
		size += kvSize(kv)
	}
	if size != st.Bytes && (freed || size > st.Bytes) {
		return fmt.Errorf("%d bytes counted, %d held", st.Bytes, size)
	}
	return nil
}

func reason(err error) Reason {
	if e, ok := err.(*Error); ok {
		return e.Reason
	}
	return ""
}

func txnCommand(req *storev1.TxnRequest) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_Txn{Txn: req}}
}

func compactCommand(rev int64) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_Compact{Compact: &storev1.CompactRequest{Revision: rev}}}
}

func grantCommand(id int64) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_LeaseGrant{
		LeaseGrant: &storev1.LeaseGrantRequest{Id: id, Ttl: durationpb.New(time.Minute)},
	}}
}

func revokeCommand(id int64) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_LeaseRevoke{LeaseRevoke: &storev1.LeaseRevokeRequest{Id: id}}}
}
