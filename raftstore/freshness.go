package raftstore

import (
	"context"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

// freshness lets a member, whether it leads or not, answer reads from its own state when that is new enough.
//
// The member asks the leader which revision has been reached, and notes when it asked. The leader answers as for any linearizable read
// (readindex.go), so everything that had been acknowledged when the question was asked is at or before that
// revision: a state that has got there is no older than the question. Only this member's own monotonic clock is looked at, from the
// moment before the question leaves. However long the answer is on its way, and whoever is frozen meanwhile, the state is taken for
// older than it is, never for newer.
type freshness struct {
	member *Member

	mu sync.Mutex
	// known is the newest that was proved.
	known proof
	// current is the round under way, next the one after it.
	current, next *freshRound
	wanted        chan struct{}
}

// proof says that all that had been acknowledged at the moment asked is at or before revision.
type proof struct {
	asked    time.Time
	revision int64
}

// freshRound is one question to the leader, for all reads that can do with its answer.
type freshRound struct {
	// asked is when it was asked. Written before the round is current.
	asked time.Time
	done  chan struct{}
	// proof and err are what came of it, once it is done.
	proof proof
	err   error
}

func newFreshness(m *Member) *freshness {
	return &freshness{member: m, wanted: make(chan struct{}, 1)}
}

// view gives a view that is no older than bound at the moment of the call.
func (f *freshness) view(ctx context.Context, bound time.Duration) (*mvcc.View, error) {
	oldest := time.Now().Add(-bound)
	f.mu.Lock()
	known, round := f.known, (*freshRound)(nil)
	switch {
	case !known.asked.IsZero() && !known.asked.Before(oldest):
	case f.current != nil && !f.current.asked.Before(oldest):
		round = f.current
	default:
		if f.next == nil {
			f.next = &freshRound{done: make(chan struct{})}
		}
		round = f.next
	}
	f.mu.Unlock()
	if round != nil {
		select {
		case f.wanted <- struct{}{}:
		default:
		}
		select {
		case <-round.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if round.err != nil {
			return nil, round.err
		}
		known = round.proof
	}
	if mutant.StaleBounds {
		return f.member.state.View(), nil
	}
	if err := f.member.waitRevision(ctx, known.revision); err != nil {
		return nil, err
	}
	return f.member.state.View(), nil
}

// run asks, one round at a time, until ctx ends.
func (f *freshness) run(ctx context.Context) {
	for {
		select {
		case <-f.wanted:
		case <-ctx.Done():
			if round := f.begin(); round != nil {
				f.finish(round, 0, &Error{Reason: Unavailable, Message: "this member is shutting down"})
			}
			return
		}
		if round := f.begin(); round != nil {
			revision, err := f.member.acknowledged(ctx)
			if ctx.Err() != nil {
				err = &Error{Reason: Unavailable, Message: "this member is shutting down"}
			}
			f.finish(round, revision, err)
		}
	}
}

// begin makes the next round the current one; nil when nobody waits for it.
func (f *freshness) begin() *freshRound {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.next = f.next, nil
	if f.current != nil {
		f.current.asked = time.Now()
	}
	return f.current
}

func (f *freshness) finish(round *freshRound, revision int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current = nil
	round.proof, round.err = proof{asked: round.asked, revision: revision}, err
	if err == nil {
		f.known = round.proof
	}
	close(round.done)
}

// validateStaleness refuses what cannot be meant.
func validateStaleness(req *storev1.RangeRequest) error {
	switch {
	case req.GetMaxStaleness() == nil:
	case req.Serializable:
		return &Error{Reason: mvcc.Invalid, Message: "max_staleness: not together with serializable, which takes any state"}
	case req.MaxStaleness.CheckValid() != nil || req.MaxStaleness.AsDuration() < 0:
		return &Error{Reason: mvcc.Invalid, Message: "max_staleness: not a duration of 0 or more"}
	}
	return nil
}
