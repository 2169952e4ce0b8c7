package registry

import (
	"context"
	"crypto/sha256"
	"sync"

	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// maxReapplies bounds how many applies are remembered for a kind: about 200 bytes each, twice as many at most.
const maxReapplies = 4 << 10

// reapplies remembers the applies that changed nothing. Whoever keeps objects as they are written down somewhere applies
// the same again and again, and mostly finds it so. What an apply makes of an object depends on both and, when admission named no
// guards, on nothing else: the same apply to the same revision changes nothing again, and need not be worked out.
type reapplies struct {
	mu sync.Mutex
	// recent takes what comes; when it is full it becomes old, and what was old is forgotten.
	recent, old map[[sha256.Size]byte]reapply
}

// reapply is an apply that changed nothing.
type reapply struct {
	revision int64 // of the object as it was found
	warnings []string
}

// applyDigest stands for an apply: who asks, for what, with which options.
func applyDigest(who string, req *metav1.ApplyRequest) ([sha256.Size]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(append([]byte(who), 0), req)
	return sha256.Sum256(b), err
}

func (m *reapplies) get(digest [sha256.Size]byte) (reapply, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.recent[digest]
	if !ok {
		if a, ok = m.old[digest]; ok {
			m.keep(digest, a)
		}
	}
	return a, ok
}

func (m *reapplies) put(digest [sha256.Size]byte, a reapply) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(digest, a)
}

// keep remembers; the caller holds the lock.
func (m *reapplies) keep(digest [sha256.Size]byte, a reapply) {
	if m.recent == nil || len(m.recent) >= maxReapplies {
		m.recent, m.old = map[[sha256.Size]byte]reapply{}, m.recent
	}
	m.recent[digest] = a
}

// reapplied is the object as it is, when the apply is known to change nothing of it; nil when that has to be worked out.
func (r *resource) reapplied(ctx context.Context, req *metav1.ApplyRequest, digest [sha256.Size]byte) (*watchcache.Entry, error) {
	known, ok := r.reapplies.get(digest)
	if !ok {
		return nil, nil
	}
	key, err := r.key(req.GetNamespace(), req.GetName())
	if err != nil {
		return nil, err
	}
	current, err := r.newest(ctx, key)
	if err != nil || current == nil || current.Revision != known.revision {
		return nil, err
	}
	tell(ctx, known.warnings)
	return current, nil
}
