package raftstore

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// leadership follows whether this member leads, and does what only a leader does.
type leadership struct {
	member *Member
	// term is the term in which this member leads and has applied all that was committed before; 0
	// when there is none.
	term atomic.Uint64
}

// leading tells whether this member leads and is ready to serve.
func (m *Member) leading() bool {
	_, ok := m.readyTerm()
	return ok
}

// readyTerm gives the term this member leads and is ready to serve in.
func (m *Member) readyTerm() (uint64, bool) {
	term := m.leadership.term.Load()
	return term, term != 0 && m.fsm.halt.err() == nil && m.raft.State() == raft.Leader && m.raft.CurrentTerm() == term
}

// run follows Raft's notices until ctx ends.
func (l *leadership) run(ctx context.Context, notices <-chan bool) {
	var stop func()
	rest := func() {
		if stop != nil {
			stop()
			stop = nil
		}
	}
	defer rest()
	for {
		select {
		case leads := <-notices:
			rest()
			if leads {
				stop = l.begin(ctx)
			}
		case <-ctx.Done():
			return
		}
	}
}

// begin starts the leader's duties and gives what ends them.
func (l *leadership) begin(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.lead(ctx)
	}()
	return func() {
		cancel()
		<-done
		l.term.Store(0)
		l.member.leaderChanged.wake()
	}
}

// lead makes the member ready and carries out its duties until ctx ends.
func (l *leadership) lead(ctx context.Context) {
	m := l.member
	term, ok := l.catchUp(ctx)
	if !ok {
		return
	}
	m.leases.lead()
	defer m.leases.rest()
	l.term.Store(term)
	m.metrics.leaderChanges.Inc()
	m.leaderChanged.wake()
	m.log.Info("leading", "term", term, "revision", m.state.Revision())

	expiry := time.NewTicker(leaseTick)
	defer expiry.Stop()
	compaction := time.NewTicker(compactionTick)
	defer compaction.Stop()
	formats := &formatKeeper{member: m}
	raising := time.NewTicker(formatTick)
	defer raising.Stop()
	history := &historyKeeper{age: m.cfg.HistoryAge, bytes: m.cfg.HistoryBytes}
	for {
		select {
		case <-expiry.C:
			m.leases.expire(ctx)
		case now := <-compaction.C:
			m.compactHistory(ctx, history, now)
		case <-raising.C:
			formats.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// catchUp waits until everything that earlier leaders committed is applied here.
func (l *leadership) catchUp(ctx context.Context) (term uint64, ok bool) {
	r := l.member.raft
	for ctx.Err() == nil && r.State() == raft.Leader {
		term = r.CurrentTerm()
		if err := await(ctx, r.Barrier(0)); err != nil {
			l.member.log.Warn("not ready to lead yet", "term", term, "error", err)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if l.member.fsm.halt.err() != nil {
			return 0, false // What was committed is not applied here, and will not be.
		}
		if r.CurrentTerm() == term && r.State() == raft.Leader {
			return term, true
		}
	}
	return 0, false
}
