package raftstore_test

import (
	"context"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// fault is something that goes wrong, or comes right again.
type fault struct {
	name string
	do   func(*simulation, *raftstore.Client)
}

// any picks one of the members.
func (s *simulation) any() *simMember { return s.members[s.rnd.IntN(len(s.members))] }

// leading picks the member that leads, or any when none does.
func (s *simulation) leading() *simMember {
	for _, m := range s.members {
		if !m.down && m.Leading() {
			return m
		}
	}
	return s.any()
}

// addresses are those of everyone but some.
func (s *simulation) others(but ...*simMember) []string {
	var rest []string
	for _, m := range s.members {
		found := false
		for _, b := range but {
			found = found || b == m
		}
		if !found {
			rest = append(rest, m.address)
		}
	}
	return rest
}

var faults = []fault{
	{"the leader crashes", func(s *simulation, _ *raftstore.Client) { s.crash(s.leading()) }},
	{"a member crashes", func(s *simulation, _ *raftstore.Client) { s.crash(s.any()) }},
	{"everyone crashes", func(s *simulation, _ *raftstore.Client) {
		for _, m := range s.members {
			s.crash(m)
		}
		for _, m := range s.members {
			s.restart(m)
		}
	}},
	{"all that are down start", func(s *simulation, _ *raftstore.Client) {
		for _, m := range s.members {
			s.restart(m)
		}
	}},
	{"a member crashes and starts", func(s *simulation, _ *raftstore.Client) { m := s.any(); s.crash(m); s.restart(m) }},
	{"the leader is cut off from the others", func(s *simulation, _ *raftstore.Client) {
		m := s.leading()
		s.net.divide([]string{m.address}, s.others(m))
	}},
	{"a member is cut off from the others", func(s *simulation, _ *raftstore.Client) {
		m := s.any()
		s.net.divide([]string{m.address}, s.others(m))
	}},
	{"the leader hears nobody", func(s *simulation, _ *raftstore.Client) {
		m := s.leading()
		for _, o := range s.others(m) {
			s.net.cutWay(o, m.address)
		}
	}},
	{"nobody hears the leader", func(s *simulation, _ *raftstore.Client) {
		m := s.leading()
		for _, o := range s.others(m) {
			s.net.cutWay(m.address, o)
		}
	}},
	{"two members do not see each other", func(s *simulation, _ *raftstore.Client) {
		s.net.divide([]string{s.any().address}, []string{s.any().address})
	}},
	{"clients lose the leader", func(s *simulation, _ *raftstore.Client) {
		m := s.leading()
		for _, c := range []string{"c0", "c1", "c2", "c3", "w0", "w1", "w2", "w3"} {
			if s.rnd.IntN(2) == 0 {
				s.net.cutWay(m.address, c)
			}
		}
	}},
	{"the network is whole again", func(s *simulation, _ *raftstore.Client) { s.net.heal() }},
	{"the network is whole again", func(s *simulation, _ *raftstore.Client) { s.net.heal() }},
	{"the network is bad", func(s *simulation, _ *raftstore.Client) {
		s.net.weather(time.Duration(1+s.rnd.IntN(100))*time.Millisecond, s.rnd.IntN(100), s.rnd.IntN(100))
	}},
	{"the network is good", func(s *simulation, _ *raftstore.Client) { s.net.weather(2*time.Millisecond, 0, 0) }},
	{"a disk is slow", func(s *simulation, _ *raftstore.Client) {
		s.any().disk.set(time.Duration(1+s.rnd.IntN(400))*time.Millisecond, false)
	}},
	{"a disk is full", func(s *simulation, _ *raftstore.Client) { s.any().disk.set(time.Millisecond, true) }},
	{"the disks are well", func(s *simulation, _ *raftstore.Client) {
		for _, m := range s.members {
			m.disk.set(time.Millisecond, false)
		}
	}},
	{"a member is frozen for a while", func(s *simulation, _ *raftstore.Client) {
		host := s.leading().host
		host.freeze()
		time.AfterFunc(time.Duration(100+s.rnd.IntN(4000))*time.Millisecond, host.thaw)
	}},
	{"leadership moves", func(s *simulation, admin *raftstore.Client) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = admin.MoveLeader(ctx, &storev1.MoveLeaderRequest{}) // Refused as often as not.
	}},
	{"a snapshot is taken", func(s *simulation, _ *raftstore.Client) {
		if m := s.any(); !m.down {
			_ = m.ForceSnapshot() // Refused when there is nothing new.
		}
	}},
}
