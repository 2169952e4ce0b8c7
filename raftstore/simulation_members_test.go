package raftstore_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// These are what TestSimulation found when it began to change members, one by one.

// membersOf runs a simulation of three members, without faults but those of the test.
func membersOf(t *testing.T, test func(context.Context, *simulation, *raftstore.Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, 3)
		all := s.members
		client := s.client("admin")
		defer func() {
			client.Close()
			s.members = append(all, s.members...)
			s.end()
		}()
		s.settle(client)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		test(ctx, s, client)
	})
}

// enlist lets a new member in, with a vote.
func (s *simulation) enlist(ctx context.Context, c *raftstore.Client, id string) *simMember {
	s.Helper()
	m := &simMember{id: id, address: id + ":1", disk: newSimDisk(), voter: true}
	s.members = append(s.members, m)
	s.start(m)
	if _, err := c.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: id, Address: m.address, Voter: true}}); err != nil {
		s.Fatal(err)
	}
	return m
}

// expel puts a member out, and stops it.
func (s *simulation) expel(c *raftstore.Client, m *simMember) {
	s.Helper()
	o := &operator{simulation: s, client: c}
	s.members = slices.Clone(s.members)
	o.plan = o.remove(m)
	o.finish()
}

// TestVoterThatMissedAReplacement: a member that was away while another was replaced helps to elect the new one, though it has never heard of it.
func TestVoterThatMissedAReplacement(t *testing.T) {
	membersOf(t, func(ctx context.Context, s *simulation, c *raftstore.Client) {
		s1, s2, s3 := s.members[0], s.members[1], s.members[2]
		s.crash(s3)
		s4 := s.enlist(ctx, c, "s4")
		s.expel(c, s1)
		s.crash(s2)
		// Of s2, s3, s4 two are there, and s3 thinks that it is one of s1, s2, s3.
		s.restart(s3)
		s.members = []*simMember{s3, s4}
		s.settle(c)
	})
}

// TestClientOutlivesAllItBeganWith: a client that cannot reach the leader hears of new members from others, so that it is not
// lost when all that it knew at first are gone.
func TestClientOutlivesAllItBeganWith(t *testing.T) {
	membersOf(t, func(ctx context.Context, s *simulation, c *raftstore.Client) {
		old := s.members
		lonely := s.client("lonely")
		defer lonely.Close()
		hears := s.members[2]
		if s.leading() == hears {
			if _, err := c.MoveLeader(ctx, &storev1.MoveLeaderRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"s1:1", "s2:1", "s4:1", "s5:1", "s6:1"} {
			s.net.cutWay(id, "lonely")
		}
		for _, id := range []string{"s4", "s5", "s6"} {
			s.enlist(ctx, c, id)
		}
		time.Sleep(10 * time.Second) // It looks for the leader all the while.
		for _, m := range old {
			s.expel(c, m)
		}
		s.net.heal()
		s.settle(lonely)
	})
}

// refusing is a log that takes no changes of the members while it is told so.
type refusing struct {
	raft.LogStore
	refuse *atomic.Bool
}

var errRefusing = errors.New("simulated: input/output error")

func (r refusing) IsMonotonic() bool { return true }

func (r refusing) StoreLogs(entries []*raft.Log) error {
	for _, e := range entries {
		if e.Type == raft.LogConfiguration && r.refuse.Load() {
			return errRefusing
		}
	}
	return r.LogStore.StoreLogs(entries)
}

// TestLeaderThatCannotWriteAChangeEnds: Raft goes by members that are in no log then, so the member has to be started anew, and knows those that are.
func TestLeaderThatCannotWriteAChangeEnds(t *testing.T) {
	membersOf(t, func(ctx context.Context, s *simulation, c *raftstore.Client) {
		refuse := &atomic.Bool{}
		for _, m := range s.members {
			m.through = func(l raft.LogStore) raft.LogStore { return refusing{l, refuse} }
			s.crash(m)
			s.restart(m)
		}
		s.settle(c)
		leader := s.leading()
		refuse.Store(true)
		brief, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		if _, err := c.MemberAdd(brief, &storev1.MemberAddRequest{Member: &storev1.Member{Id: "s9", Address: "s9:1"}}); err == nil {
			t.Error("a change that was not written is acknowledged")
		}
		refuse.Store(false)
		time.Sleep(time.Second)
		if !leader.failed.Load() {
			t.Error("the leader goes on")
		}
		s.supervise()
		s.settle(c)
		s.agreed()
	})
}
