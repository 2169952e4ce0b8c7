package raftstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// confirmTimeout bounds one round of asking the other members for their terms.
const confirmTimeout = 2 * time.Second

// reads makes linearizable reads possible on the leader: all reads that wait share one round of
// confirming that no other leader has been elected.
//
// A round asks the voters for their terms. When a majority, this member included, is in no later term
// than the one this member leads, then no later leader had been elected when the round began, as a
// majority would have had to enter its term first. Whatever had been acknowledged by then was
// acknowledged by this leader, which applies before it acknowledges, or by an earlier one, whose entries were applied
// before this one was ready. The proof needs no clock, so a leader that was stopped for a while and
// has answers from before that waiting in its sockets is not deceived.
type reads struct {
	member *Member
	mu     sync.Mutex
	// waiting is the round that begins next.
	waiting *round
	wanted  chan struct{}
}

type round struct {
	done chan struct{}
	err  error
}

func newReads(m *Member) *reads {
	return &reads{member: m, wanted: make(chan struct{}, 1)}
}

// confirm waits until this member has proved that it led after confirm was called, for so many reads.
func (r *reads) confirm(ctx context.Context, n int) error {
	r.member.metrics.reads.Add(float64(n))
	r.mu.Lock()
	if r.waiting == nil {
		r.waiting = &round{done: make(chan struct{})}
	}
	mine := r.waiting
	r.mu.Unlock()
	select {
	case r.wanted <- struct{}{}:
	default:
	}
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run carries out rounds, one at a time, until ctx ends.
func (r *reads) run(ctx context.Context) {
	for {
		select {
		case <-r.wanted:
		case <-ctx.Done():
			r.finish(r.begin(), errNotLeader)
			return
		}
		if mine := r.begin(); mine != nil {
			r.finish(mine, r.member.confirmTerm(ctx))
		}
	}
}

func (r *reads) begin() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine := r.waiting
	r.waiting = nil
	return mine
}

func (r *reads) finish(mine *round, err error) {
	if mine != nil {
		mine.err = err
		close(mine.done)
	}
}

// confirmTerm proves that no later leader had been elected when it was called.
func (m *Member) confirmTerm(ctx context.Context) error {
	m.metrics.readRounds.Inc()
	term, ok := m.readyTerm()
	if !ok {
		return errNotLeader
	}
	var others []raft.Server
	voters := 0
	for _, s := range m.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) != m.cfg.ID {
			others = append(others, s)
		}
	}
	missing := voters / 2 // A majority without this member's own voice.
	if missing == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	answers := make(chan bool, len(others))
	for _, s := range others {
		go func() { answers <- m.inTerm(ctx, string(s.Address), term) }()
	}
	for left := len(others); missing > 0; left-- {
		if left < missing {
			return errNotLeader
		}
		if <-answers {
			missing--
		}
	}
	return nil
}

// inTerm tells whether a member is in term, or has not heard of it yet.
func (m *Member) inTerm(ctx context.Context, address string, term uint64) bool {
	now, err := m.exchanges.term(ctx, address)
	if !errors.Is(err, errUnary) {
		return err == nil && now <= term
	}
	conn, err := m.peers.get(address)
	if err != nil {
		return false
	}
	res, err := storev1.NewMemberServiceClient(conn).ConfirmTerm(ctx, &storev1.ConfirmTermRequest{})
	return err == nil && res.Term <= term
}

// ConfirmTerm implements the service by which members ask each other.
func (m *Member) ConfirmTerm(context.Context, *storev1.ConfirmTermRequest) (*storev1.ConfirmTermResponse, error) {
	return &storev1.ConfirmTermResponse{Term: m.raft.CurrentTerm()}, nil
}
