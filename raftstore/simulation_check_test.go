package raftstore_test

import (
	"bytes"
	"context"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// caughtUp waits until the followers were told up to a revision.
func (s *simulation) caughtUp(followers []*follower, rev int64) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for _, f := range followers {
		for f.reached() < rev {
			if time.Now().After(deadline) {
				s.Fatalf("%s: was told up to revision %d, and of nothing up to %d in a minute without faults", f.name, f.reached(), rev)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// check compares what clients and followers saw with what the members hold: the same on all.
func (s *simulation) check(h *history, followers []*follower) {
	s.Helper()
	s.upgraded()
	s.alike()
	all := s.changes(s.members[0])
	for _, f := range followers {
		f.check(all)
	}
	at := map[string]int64{}
	for _, e := range all {
		at[string(e.Kv.Value)] = e.Kv.ModRevision
	}
	for value, rev := range h.written {
		if at[value] != rev {
			s.Errorf("value %s was acknowledged at revision %d, and is in the store's history at %d", value, rev, at[value])
		}
	}
}

// alike compares the members' copies of the state, byte by byte. A command that makes no revision, such as a lease's, may be under way between
// two copies, so that they are made again when they differ: members that hold different things do so for ever.
func (s *simulation) alike() {
	s.Helper()
	for try := 1; ; try++ {
		var other *simMember
		first := s.copyOf(s.members[0])
		for _, m := range s.members[1:] {
			if !bytes.Equal(first, s.copyOf(m)) {
				other = m
			}
		}
		switch {
		case other == nil:
			return
		case try == 20:
			s.Errorf("%s holds another state than %s", other.id, s.members[0].id)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *simulation) copyOf(m *simMember) []byte {
	s.Helper()
	var out bytes.Buffer
	if _, err := m.WriteSnapshot(context.Background(), &out); err != nil {
		s.Fatal(err)
	}
	return out.Bytes()
}

// upgraded waits until the store has the newest format that all members read.
func (s *simulation) upgraded() {
	s.Helper()
	want := uint32(mvcc.NewestFormat)
	for _, m := range s.members {
		if m.reads != 0 {
			want = min(want, m.reads)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for _, m := range s.members {
		for m.Format() != want {
			if time.Now().After(deadline) {
				s.Fatalf("%s has format %d, want %d", m.id, m.Format(), want)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// changes is all that ever happened, as a member has it.
func (s *simulation) changes(m *simMember) []*storev1.Event {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := s.revision(m)
	w, err := m.Watch(ctx, &storev1.WatchRequest{Key: []byte("/"), RangeEnd: []byte("0"), StartRevision: 1})
	if err != nil {
		s.Fatal(err)
	}
	var all []*storev1.Event
	for {
		res, err := w.Recv()
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, res.Events...)
		if res.Revision >= end {
			return all
		}
	}
}
