package raftstore

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// standAgain is for how many heartbeat timeouts a member that stood for election because the leader's process had ended leaves it to
// Raft's own timers. A host that cannot reach leaders that others reach would otherwise depose one after the other.
const standAgain = 3

// succession elects a new leader as soon as it is certain that the process of the one before has ended, without waiting for the
// heartbeat timeout. Certain means two things: a connection from the leader broke, which a crash does at once and a slow or frozen leader does
// not do, and the kernel of the leader's host answers that nobody listens at its address. All else, a lost host or network
// among it, is left to the timeout. Nothing depends on it: an election is safe at any time.
type succession struct {
	member    *Member
	transport raft.Transport
	// stood is when this member last stood for election here.
	stood time.Time
}

// run looks after leaders whose connections broke until ctx ends.
func (s *succession) run(ctx context.Context) {
	for {
		select {
		case id := <-s.member.stream.broken:
			s.lost(ctx, id)
		case <-ctx.Done():
			return
		}
	}
}

// lost stands for election when the member whose connection broke led, and is gone.
func (s *succession) lost(ctx context.Context, id string) {
	m := s.member
	address, leader := m.raft.LeaderWithID()
	rank, voter := s.rank(id)
	if string(leader) != id || !voter || m.raft.State() != raft.Follower || time.Since(s.stood) < standAgain*m.cfg.HeartbeatTimeout {
		return
	}
	if !s.gone(ctx, string(address)) {
		return
	}
	// All followers see it at about the same time, and two who stand at once may split the votes. The first by name goes ahead; the others
	// give it time, and more when somebody stands, who may turn out to lack entries that they have.
	term := m.raft.CurrentTerm()
	wait := time.Duration(rank) * m.cfg.HeartbeatTimeout / 3
	for {
		if err := sleepExactly(ctx, wait); err != nil {
			return
		}
		if _, now := m.raft.LeaderWithID(); now != "" && now != leader || m.raft.State() != raft.Follower {
			return
		}
		now := m.raft.CurrentTerm()
		if now == term {
			break
		}
		term, wait = now, m.cfg.HeartbeatTimeout/2
	}
	s.stood = time.Now()
	m.log.Info("the leader's process has ended: standing for election", "leader", id, "term", term)
	if err := s.stand(); err != nil {
		m.log.Warn("could not stand for election at once; Raft will after its timeout", "error", err)
	}
}

// stand begins an election: what a leader says to the one it hands over to, this member says to itself.
func (s *succession) stand() error {
	self, address := raft.ServerID(s.member.cfg.ID), s.transport.LocalAddr()
	req := &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{
		ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self), Addr: s.transport.EncodePeer(self, address),
	}}
	return s.transport.TimeoutNow(self, address, req, &raft.TimeoutNowResponse{})
}

// gone tells whether the leader's process has ended. One that is just ending may lose connections before it stops to listen.
func (s *succession) gone(ctx context.Context, address string) bool {
	for pause := 5 * time.Millisecond; pause <= 160*time.Millisecond; pause *= 2 {
		if s.member.stream.refused(ctx, address) {
			return true
		}
		if sleepExactly(ctx, pause) != nil {
			return false
		}
	}
	return false
}

// rank is the place of this member among the voters but one, by name, and whether it is a voter at all.
func (s *succession) rank(without string) (rank int, voter bool) {
	var names []string
	for _, server := range s.member.raft.GetConfiguration().Configuration().Servers {
		if server.Suffrage == raft.Voter && string(server.ID) != without {
			names = append(names, string(server.ID))
		}
	}
	slices.Sort(names)
	rank = slices.Index(names, s.member.cfg.ID)
	return rank, rank >= 0
}

// sleepExactly waits, unless ctx ends.
func sleepExactly(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
