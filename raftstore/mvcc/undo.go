package mvcc

import (
	"runtime/debug"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// mark is where a state was before a command.
type mark struct {
	changes, rev, keys, bytes, live int64
}

func (s *State) mark() mark {
	return mark{changes: s.history.count, rev: s.rev, keys: s.keys, bytes: s.bytes, live: s.live}
}

// applyOne carries out one command. One that panics is undone and answered with Poisoned: it met a mistake in this program, which it
// meets on every member alike, and which would meet it again after each start if the panic got out.
func (s *State) applyOne(c *storev1.Command) (r Result) {
	before := s.mark()
	defer func() {
		if p := recover(); p != nil {
			s.undo(before)
			r = Result{Err: errorf(Poisoned, "applying the command failed, and it changed nothing on any member: %v; this is a fault in kaji, sending the command again fails again", p), Stack: debug.Stack()}
		}
	}()
	switch c := c.GetCommand().(type) {
	case *storev1.Command_Txn:
		r.Txn, r.Err = s.txn(c.Txn)
	case *storev1.Command_Compact:
		r.Compact, r.Err = s.compact(c.Compact)
	case *storev1.Command_LeaseGrant:
		r.LeaseGrant, r.Err = s.leaseGrant(c.LeaseGrant)
	case *storev1.Command_LeaseRevoke:
		r.LeaseRevoke, r.Err = s.leaseRevoke(c.LeaseRevoke)
	case *storev1.Command_RaiseFormat:
		r.Err = s.raiseFormat(c.RaiseFormat)
	default:
		r.Err = errorf(Poisoned, "the command is none that this program knows, though its format is; it changed nothing on any member")
	}
	return r
}

// undo takes back what was written since m. History says what that is, newest last; leases and the rest of what commands change
// besides are either changed last, or follow from the keys.
func (s *State) undo(m mark) {
	for s.history.count > m.changes {
		c := s.history.dropLast()
		if c.prev == nil {
			s.tree.Delete(item{key: c.cur.kv.Key})
		} else {
			s.tree.ReplaceOrInsert(item{key: c.prev.kv.Key, head: c.prev})
		}
	}
	s.rev, s.keys, s.bytes, s.live, s.view = m.rev, m.keys, m.bytes, m.live, nil
	for _, l := range s.leases {
		clear(l.keys)
	}
	s.tree.Ascend(func(it item) bool {
		s.attach(it.head.live().GetLease(), it.key)
		return true
	})
}
