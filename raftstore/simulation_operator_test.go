package raftstore_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// operator changes who the members are, one order after the other, while all else goes wrong. Orders are given in the background, so that
// faults come in the middle of them, and repeated until they are carried out.
type operator struct {
	*simulation
	client *raftstore.Client
	plan   []order
	// answer is where the outcome of the order that was given comes; nil when none is under way.
	answer chan error
	// carried counts orders that were carried out.
	carried int
	// ended is when the last one was.
	ended time.Time
}

// clientsLook is longer than clients go without looking who the members are. An operator who replaces all of them faster than that loses clients.
const clientsLook = 5 * time.Second

// order is one change. It may be given again.
type order struct {
	name string
	// prepare is done before it is given for the first time, complete after it was carried out; both by whoever strikes with faults.
	prepare  func()
	give     func(context.Context) error
	complete func()
}

// caughtUpEntries is how many entries a member may lack that gets its vote.
const caughtUpEntries = 64

// step looks what became of the order under way, and gives the next one or that one again.
func (o *operator) step() {
	if o.answer != nil {
		select {
		case err := <-o.answer:
			o.answer = nil
			o.note("operator: %s: %v", o.plan[0].name, err)
			if err == nil {
				o.carriedOut()
			}
		default:
			return
		}
	}
	if len(o.plan) == 0 {
		if time.Since(o.ended) < clientsLook {
			return
		}
		o.plan = o.choose()
	}
	o.order()
}

func (o *operator) carriedOut() {
	if done := o.plan[0].complete; done != nil {
		done()
	}
	o.publish()
	o.carried++
	o.plan = o.plan[1:]
	o.ended = time.Now()
}

// order gives the first order of the plan.
func (o *operator) order() {
	first := &o.plan[0]
	if first.prepare != nil {
		first.prepare()
		first.prepare = nil
		o.publish()
	}
	o.note("operator: %s", first.name)
	answer, patience := make(chan error, 1), time.Duration(1+o.rnd.IntN(8))*time.Second
	o.answer = answer
	give := first.give
	o.dying.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		answer <- give(ctx)
	})
}

// finish has the plan carried out to its end, in a world without faults.
func (o *operator) finish() {
	o.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for len(o.plan) > 0 {
		if time.Now().After(deadline) {
			o.Fatalf("operator: %q was not carried out in two minutes without faults", o.plan[0].name)
		}
		if o.answer == nil {
			o.order()
		}
		err := <-o.answer
		o.answer = nil
		o.note("operator: %s: %v", o.plan[0].name, err)
		if err == nil {
			o.carriedOut()
			continue
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// choose makes a plan.
func (o *operator) choose() []order {
	var others []*simMember
	for _, m := range o.members {
		if !m.voter {
			others = append(others, m)
		}
	}
	victim := o.voters()[o.rnd.IntN(len(o.voters()))]
	kind := o.rnd.IntN(5)
	switch {
	case kind == 0: // Another machine takes over.
		return slices.Concat(o.add(o.newcomer()), o.remove(victim))
	case kind == 1: // A disk is lost.
		wiped := o.remove(victim)
		wiped[0].prepare = func() { o.crash(victim); victim.held = true }
		return slices.Concat(wiped, o.add(o.newcomer()))
	case kind == 2:
		return o.move(victim)
	case len(others) == 0: // One more to read from.
		return o.add(o.newcomer())[:1]
	case kind == 3: // It takes over from a voter.
		return slices.Concat(o.promote(others[0]), o.remove(victim))
	default:
		return o.remove(others[0])
	}
}

func (s *simulation) voters() []*simMember {
	return slices.DeleteFunc(slices.Clone(s.members), func(m *simMember) bool { return !m.voter })
}

// newcomer is a member that never was, under an id that never was.
func (o *operator) newcomer() *simMember {
	o.made++
	id := fmt.Sprintf("s%d", o.made)
	return &simMember{id: id, address: id + ":1", disk: newSimDisk()}
}

// add lets a member in that has nothing: as a non-voter, then with a vote; or both at once.
func (o *operator) add(m *simMember) []order {
	let := func(voter bool) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := o.client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: m.id, Address: m.address, Voter: voter}})
			return err
		}
	}
	start := func() {
		o.members = append(o.members, m)
		o.start(m)
	}
	if o.rnd.IntN(2) == 0 {
		bar := uint64(0)
		return []order{{
			name: "add " + m.id + " as a voter", prepare: func() { start(); bar = o.applied() }, give: let(true),
			complete: func() { o.promoted(m, bar) },
		}}
	}
	return append([]order{{name: "add " + m.id, prepare: start, give: let(false)}}, o.promote(m)...)
}

// promote gives a member its vote.
func (o *operator) promote(m *simMember) []order {
	bar := uint64(0)
	return []order{{
		name: "promote " + m.id, prepare: func() { bar = o.applied() }, give: func(ctx context.Context) error {
			_, err := o.client.MemberPromote(ctx, &storev1.MemberPromoteRequest{Id: m.id})
			return err
		},
		complete: func() { o.promoted(m, bar) },
	}}
}

// applied is the furthest that any member has got.
func (s *simulation) applied() uint64 {
	var furthest uint64
	for _, m := range s.members {
		if st, err := m.Status(context.Background(), &storev1.StatusRequest{}); err == nil {
			furthest = max(furthest, st.AppliedIndex)
		}
	}
	return furthest
}

// promoted checks that a member that has got its vote is not far behind what had been applied when it was asked for.
func (o *operator) promoted(m *simMember, bar uint64) {
	m.voter = true
	// Its log, as that outlives a crash since; what it has applied is not known again at once.
	st, err := m.Status(context.Background(), &storev1.StatusRequest{})
	if err != nil {
		o.Errorf("%s: %v", m.id, err)
	}
	if st.LastIndex+caughtUpEntries < bar {
		o.Errorf("%s has a vote and %d entries, where %d had been applied before it was to have one", m.id, st.LastIndex, bar)
	}
}

// remove puts a member out, and stops it.
func (o *operator) remove(m *simMember) []order {
	return []order{{
		name: "remove " + m.id,
		give: func(ctx context.Context) error {
			_, err := o.client.MemberRemove(ctx, &storev1.MemberRemoveRequest{Id: m.id})
			if errors.Is(err, raftstore.ErrRefused) {
				// It may have been carried out before.
				st, statusErr := o.client.Status(ctx, &storev1.StatusRequest{})
				if statusErr == nil && !slices.ContainsFunc(st.Members, func(other *storev1.Member) bool { return other.Id == m.id }) {
					return nil
				}
			}
			return err
		},
		complete: func() {
			o.crash(m)
			o.members = slices.DeleteFunc(o.members, func(other *simMember) bool { return other == m })
		},
	}}
}

// move gives a member another address.
func (o *operator) move(m *simMember) []order {
	o.made++
	address := fmt.Sprintf("%s:%d", m.id, o.made)
	return []order{{
		name:    "move " + m.id,
		prepare: func() { o.crash(m); m.held = true },
		give: func(ctx context.Context) error {
			_, err := o.client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: m.id, Address: address, Voter: true}})
			return err
		},
		complete: func() {
			m.held, m.address = false, address
			o.restart(m)
		},
	}}
}

// agreed checks that all members know the same members, which are those that are there.
func (s *simulation) agreed() {
	s.Helper()
	byID := func(a, b *storev1.Member) int { return cmp.Compare(a.Id, b.Id) }
	var want []*storev1.Member
	for _, m := range s.members {
		want = append(want, &storev1.Member{Id: m.id, Address: m.address, Voter: m.voter})
	}
	slices.SortFunc(want, byID)
	for _, m := range s.members {
		st, err := m.Status(context.Background(), &storev1.StatusRequest{})
		if err != nil {
			s.Fatal(err)
		}
		slices.SortFunc(st.Members, byID)
		if got := st.Members; fmt.Sprint(got) != fmt.Sprint(want) {
			s.Errorf("%s knows the members %v, and there are %v", m.id, got, want)
		}
	}
}
