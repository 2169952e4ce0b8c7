package mvcc

import (
	"sync"
	"sync/atomic"

	"github.com/google/btree"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// treeDegree makes nodes of up to 63 items: small enough to copy after a view was taken, large enough
// to keep the tree flat.
const treeDegree = 32

// State is the state machine. Make one with New or Read.
type State struct {
	mu   sync.RWMutex
	tree *btree.BTreeG[item]
	// history has the changes at revisions >= compacted.
	history history
	leases  map[int64]*lease
	rev     int64
	keys    int64
	// bytes counts all versions held, live those of the newest revision.
	bytes, live int64
	// compacted is the oldest revision that can be read. Written under mu, read without it by views.
	compacted atomic.Int64
	// format is the Format. Written under mu, read without it.
	format atomic.Uint32
	// view is the newest view handed out; nil once the state has moved past it.
	view *View
}

// New gives an empty store. Its revision is 1, as 0 means "any" in requests.
func New() *State {
	s := &State{tree: btree.NewG(treeDegree, itemLess), leases: map[int64]*lease{}, rev: 1}
	s.compacted.Store(1)
	s.format.Store(uint32(OldestFormat))
	return s
}

// Stats is what a State holds.
type Stats struct {
	// Revision is the newest revision, Compacted the oldest that can be read.
	Revision, Compacted int64
	// Keys counts keys in the newest revision, LiveBytes their bytes and those of their values.
	Keys, LiveBytes int64
	// Bytes counts the bytes of keys and values in all revisions.
	Bytes int64
	// Changes counts the changes kept for watches.
	Changes int64
	// Leases counts leases.
	Leases int64
	// Format is the state's format.
	Format Format
}

// Stats gives what the state holds.
func (s *State) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return Stats{
		Revision: s.rev, Compacted: s.compacted.Load(), Keys: s.keys, LiveBytes: s.live, Bytes: s.bytes,
		Changes: s.history.len(), Leases: int64(len(s.leases)), Format: s.Format(),
	}
}

// Revision gives the newest revision.
func (s *State) Revision() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rev
}

// Result is what one command did: the answer that fits the command, or why it was refused.
type Result struct {
	Txn         *storev1.TxnResponse
	Compact     *storev1.CompactResponse
	LeaseGrant  *storev1.LeaseGrantResponse
	LeaseRevoke *storev1.LeaseRevokeResponse
	Err         error
	// Stack is where a command panicked whose Err is Poisoned; nil otherwise.
	Stack []byte
}

// Apply carries out commands in order, each whole or, when its result has an error, not at all.
func (s *State) Apply(commands []*storev1.Command) []Result {
	results := make([]Result, len(commands))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range commands {
		results[i] = s.applyOne(c)
	}
	return results
}

// Replace makes s the same as other, which must not be used afterwards.
func (s *State) Replace(other *State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tree, s.history, s.leases = other.tree, other.history, other.leases
	s.rev, s.keys, s.bytes, s.live, s.view = other.rev, other.keys, other.bytes, other.live, nil
	s.compacted.Store(other.compacted.Load())
	s.format.Store(other.format.Load())
}

// Rebase moves the state to a later revision and forgets all history, so that whoever follows the
// store from a revision before has to start anew. A copy from a backup is rebased past the store it
// replaces: no revision then ever means two different things.
func (s *State) Rebase(rev int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rev = max(rev, s.rev)
	s.compacted.Store(rev)
	for s.free(chunkChanges) {
	}
	s.rev, s.view = rev, nil
}
