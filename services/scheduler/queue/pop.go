package queue

import (
	"context"
	"time"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Pop waits for the next pod to try and returns it with the number of this try. The caller hands it back with Binding (and then Done) or Requeue.
func (q *Queue) Pop(ctx context.Context) (p *framework.PodInfo, attempt int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		p, attempt, next := q.TryPop()
		if p != nil {
			return p, attempt, nil
		}
		var timer *time.Timer
		var due <-chan time.Time
		if !next.IsZero() {
			timer = time.NewTimer(max(next.Sub(q.cfg.Now()), time.Millisecond))
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-due:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// TryPop returns the next pod to try without waiting, or nil and when the next back-off ends (zero when none runs).
func (q *Queue) TryPop() (p *framework.PodInfo, attempt int, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.cfg.Now()
	for len(q.backoff.list) > 0 && !now.Before(q.backoff.list[0].readyAt) {
		e := q.backoff.list[0]
		q.leave(e)
		q.activate(e)
	}
	if len(q.active.list) == 0 {
		if len(q.backoff.list) > 0 {
			next = q.backoff.list[0].readyAt
		}
		return nil, 0, next
	}
	e := q.active.list[0]
	q.leave(e)
	e.attempts++
	e.changed = false
	q.enter(e, Trying)
	return e.pod, e.attempts, time.Time{}
}

// Standing is where a pod stands.
type Standing struct {
	State    State
	Attempts int
	// Next is when it is tried again at the latest; zero when only a change can help.
	Next time.Time
	// RejectedBy are the plugins that said no; Gate is why it must not be tried.
	RejectedBy []string
	Gate       *framework.Status
}

// Standing tells where a pod stands.
func (q *Queue) Standing(uid string) Standing {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.entries[uid]
	if !ok {
		return Standing{}
	}
	s := Standing{State: e.state, Attempts: e.attempts, RejectedBy: e.rejectedBy, Gate: e.gate}
	switch e.state {
	case Backoff:
		s.Next = e.readyAt
	case Unschedulable:
		s.Next = e.since.Add(q.cfg.MaxUnschedulable)
	}
	return s
}

// Count returns the number of pods in a state.
func (q *Queue) Count(s State) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.counts[s]
}
