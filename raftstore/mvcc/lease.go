package mvcc

import (
	"slices"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Bounds of a lease's time to live.
const (
	MinLeaseTTL = time.Second
	MaxLeaseTTL = 365 * 24 * time.Hour
)

// lease is keys that go together. When it ends is not known here: whoever has a clock says so by a command.
type lease struct {
	ttl  time.Duration
	keys map[string]struct{}
}

// Lease is a lease as others see it.
type Lease struct {
	ID  int64
	TTL time.Duration
}

// Leases gives all leases, in the order of their ids.
func (s *State) Leases() []Lease {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.leaseList()
}

// LeaseTTL gives the time to live of a lease, and whether there is such a lease.
func (s *State) LeaseTTL(id int64) (time.Duration, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := s.leases[id]
	if l == nil {
		return 0, false
	}
	return l.ttl, true
}

func (s *State) leaseList() []Lease {
	list := make([]Lease, 0, len(s.leases))
	for id, l := range s.leases {
		list = append(list, Lease{ID: id, TTL: l.ttl})
	}
	slices.SortFunc(list, func(a, b Lease) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list
}

// ValidateLeaseGrant says why a lease could never be granted.
func ValidateLeaseGrant(req *storev1.LeaseGrantRequest) error {
	if err := req.GetTtl().CheckValid(); err != nil {
		return errorf(Invalid, "ttl: %s", err)
	}
	if ttl := req.Ttl.AsDuration(); ttl < MinLeaseTTL || ttl > MaxLeaseTTL {
		return errorf(Invalid, "ttl: %s is not between %s and %s", ttl, MinLeaseTTL, MaxLeaseTTL)
	}
	if req.Id < 0 {
		return errorf(Invalid, "id: %d is negative", req.Id)
	}
	return nil
}

func (s *State) leaseGrant(req *storev1.LeaseGrantRequest) (*storev1.LeaseGrantResponse, error) {
	if err := ValidateLeaseGrant(req); err != nil {
		return nil, err
	}
	if req.Id == 0 {
		return nil, errorf(Invalid, "id: must be chosen before a lease is proposed")
	}
	if s.leases[req.Id] != nil {
		return nil, errorf(LeaseExists, "lease %d exists", req.Id)
	}
	s.leases[req.Id] = &lease{ttl: req.Ttl.AsDuration(), keys: map[string]struct{}{}}
	return &storev1.LeaseGrantResponse{Id: req.Id, Ttl: req.Ttl}, nil
}

func (s *State) leaseRevoke(req *storev1.LeaseRevokeRequest) (*storev1.LeaseRevokeResponse, error) {
	l := s.leases[req.GetId()]
	if l == nil {
		return nil, errorf(LeaseNotFound, "there is no lease %d", req.GetId())
	}
	keys := make([]string, 0, len(l.keys))
	for key := range l.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys) // The order of a map is not the same on every member.
	w := writer{s: s, rev: s.rev + 1}
	for _, key := range keys {
		if it, ok := s.tree.Get(item{key: []byte(key)}); ok && !it.head.deleted {
			w.delete(it)
		}
	}
	w.finish()
	delete(s.leases, req.Id)
	return &storev1.LeaseRevokeResponse{Revision: s.rev}, nil
}

func (s *State) attach(id int64, key []byte) {
	if l := s.leases[id]; l != nil {
		l.keys[string(key)] = struct{}{}
	}
}

func (s *State) detach(id int64, key []byte) {
	if l := s.leases[id]; l != nil {
		delete(l.keys, string(key))
	}
}
