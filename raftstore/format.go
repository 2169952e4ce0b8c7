package raftstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// formatTick is how often a leader looks whether all members read a newer format than the store has.
const formatTick = time.Second

// formatKeeper raises the store's format, on the leader.
type formatKeeper struct {
	member *Member
	// said: why the format stays has been logged.
	said bool
}

// look raises the format if that can be done, and logs why not, once.
func (k *formatKeeper) look(ctx context.Context) {
	m := k.member
	if m.state.Format() >= m.fsm.newest || !m.membership.TryLock() {
		return
	}
	defer m.membership.Unlock()
	if err := m.raiseFormat(ctx, m.fsm.newest); err != nil && ctx.Err() == nil && !k.said {
		k.said = true
		m.log.Info("the store's format stays", "format", m.state.Format(), "reason", err)
	}
}

// raiseFormat raises the store's format to the newest that all members read, and is content with no less than want. Called with
// membership held, so that nobody joins between what the members say and the raise. What one says it reads it will read: an older program
// that is started in its place finds that it does not, and stops.
func (m *Member) raiseFormat(ctx context.Context, want mvcc.Format) error {
	if m.state.Format() >= want {
		return nil
	}
	members := m.members()
	type answer struct {
		who    *storev1.Member
		newest mvcc.Format
		err    error
	}
	answers := make(chan answer, len(members))
	for _, who := range members {
		go func() {
			st, err := m.statusOf(ctx, who)
			answers <- answer{who, newestOf(st), err}
		}()
	}
	all := m.fsm.newest
	var short []string
	for range members {
		a := <-answers
		switch {
		case a.err != nil:
			return refusef("member %s does not say which formats it reads: %s", a.who.Id, a.err)
		case a.newest < want:
			short = append(short, fmt.Sprintf("member %s reads no format after %d", a.who.Id, a.newest))
		}
		all = min(all, a.newest)
	}
	if all > m.state.Format() {
		was := m.state.Format()
		if _, err := m.proposals.propose(ctx, &storev1.Command{Command: &storev1.Command_RaiseFormat{
			RaiseFormat: &storev1.RaiseFormat{Format: uint32(all)},
		}}); err != nil {
			return err
		}
		m.log.Info("the store's format is raised, as all members read it", "from", was, "to", all)
	}
	if all < want {
		return refusef("%s", strings.Join(short, ", "))
	}
	return nil
}

// newestOf is the newest format that a member reads by its own word.
func newestOf(st *storev1.StatusResponse) mvcc.Format {
	return max(mvcc.OldestFormat, mvcc.Format(st.GetNewestFormat()))
}

// checkReads refuses a member that does not read the store's format. One that cannot be asked yet is let through: it gets no vote
// before it can, and by itself stops before what it cannot read.
func (m *Member) checkReads(ctx context.Context, who *storev1.Member) error {
	st, err := m.statusOf(ctx, who)
	if err != nil {
		return nil //nolint:nilerr // As said above.
	}
	if f, newest := m.state.Format(), newestOf(st); f > newest {
		return refusef("member %s runs a version of kaji that reads no format after %d, and the store has format %d: start it with the version of the other members", who.GetId(), newest, f)
	}
	return nil
}

// takeFormat gives a copy the store's format; first it raises that to the copy's. Called with membership held.
func (m *Member) takeFormat(ctx context.Context, copied *mvcc.State) error {
	if err := m.raiseFormat(ctx, copied.Format()); err != nil {
		return refusef("the copy has format %d and the store has %d, which cannot be raised: %s; upgrade all members first", copied.Format(), m.state.Format(), err)
	}
	copied.AdoptFormat(m.state.Format())
	return nil
}
