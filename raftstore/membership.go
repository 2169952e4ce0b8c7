package raftstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
)

const (
	// configTimeout bounds how long a change of members waits to be taken up by Raft.
	configTimeout = 10 * time.Second
	// reachTimeout bounds how long a member may take to say that it is there.
	reachTimeout = 2 * time.Second
	// caughtUpPause is the time between two looks at how far a new member is.
	caughtUpPause = 50 * time.Millisecond
	// caughtUpEntries is how far behind a member may be and count as caught up: what comes meanwhile.
	caughtUpEntries = 64
)

func (m *Member) members() []*storev1.Member {
	var list []*storev1.Member
	for _, s := range m.raft.GetConfiguration().Configuration().Servers {
		list = append(list, &storev1.Member{Id: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return list
}

func (m *Member) member(id string) *storev1.Member {
	for _, other := range m.members() {
		if other.Id == id {
			return other
		}
	}
	return nil
}

func refusef(format string, args ...any) error {
	return &Error{Reason: Refused, Message: fmt.Sprintf(format, args...)}
}

// changeMembers carries out one change at a time, on the leader. Each change can be tried again when
// the leader is lost under way: twice is the same as once.
func changeMembers[R any](ctx context.Context, m *Member, change func() (R, error), remote func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	return routeRead(ctx, m, func() (R, error) {
		if !m.membership.TryLock() {
			var none R
			return none, refusef("another change of the members is under way")
		}
		defer m.membership.Unlock()
		// A disk that takes no writes is met here, before Raft takes a change for made that is not written (see configLog).
		if err := m.configure(m.raft.Barrier(configTimeout)); err != nil {
			var none R
			return none, err
		}
		return change()
	}, remote)
}

// MemberAdd lets a member in, or gives one that is in a new address. Asking twice is no error.
func (m *Member) MemberAdd(ctx context.Context, req *storev1.MemberAddRequest) (*storev1.MemberAddResponse, error) {
	id, address := req.GetMember().GetId(), req.GetMember().GetAddress()
	if _, _, err := net.SplitHostPort(address); id == "" || err != nil {
		return nil, refusef("a member needs an id and host:port, got %q and %q", id, address)
	}
	return changeMembers(ctx, m, func() (*storev1.MemberAddResponse, error) {
		for _, other := range m.members() {
			if other.Address == address && other.Id != id {
				return nil, refusef("%s is the address of member %s", address, other.Id)
			}
		}
		if err := m.checkReads(ctx, req.Member); err != nil {
			return nil, err
		}
		there := m.member(id)
		switch {
		case there != nil && there.Voter && there.Address != address:
			// It keeps its vote and its data; only where it is reached changes.
			if err := m.configure(m.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), 0, configTimeout)); err != nil {
				return nil, err
			}
		case there == nil || there.Address != address:
			if err := m.configure(m.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(address), 0, configTimeout)); err != nil {
				return nil, err
			}
		}
		if req.Member.Voter {
			if err := m.promote(ctx, id); err != nil {
				return nil, err
			}
		}
		return &storev1.MemberAddResponse{Members: m.members()}, nil
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.MemberAddResponse, error) {
		return c.MemberAdd(ctx, req)
	})
}

// MemberPromote gives a non-voter its vote, once it has caught up.
func (m *Member) MemberPromote(ctx context.Context, req *storev1.MemberPromoteRequest) (*storev1.MemberPromoteResponse, error) {
	return changeMembers(ctx, m, func() (*storev1.MemberPromoteResponse, error) {
		if err := m.promote(ctx, req.GetId()); err != nil {
			return nil, err
		}
		return &storev1.MemberPromoteResponse{Members: m.members()}, nil
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.MemberPromoteResponse, error) {
		return c.MemberPromote(ctx, req)
	})
}

func (m *Member) promote(ctx context.Context, id string) error {
	who := m.member(id)
	switch {
	case who == nil:
		return refusef("there is no member %q", id)
	case who.Voter:
		return nil
	}
	if err := m.checkReads(ctx, who); err != nil {
		return err
	}
	// A voter that lags counts for the quorum without being able to help it.
	for !mutant.HastyVotes {
		behind, err := m.behind(ctx, who)
		if err == nil && behind <= caughtUpEntries {
			break
		}
		select {
		case <-time.After(caughtUpPause):
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("it is %d entries behind", behind)
			}
			return refusef("member %s has not caught up and stays without a vote: %s", id, err)
		}
	}
	return m.configure(m.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(who.Address), 0, configTimeout))
}

// behind asks a member how many entries it has yet to apply.
func (m *Member) behind(ctx context.Context, who *storev1.Member) (uint64, error) {
	target := m.raft.CommitIndex()
	st, err := m.statusOf(ctx, who)
	if err != nil || st.AppliedIndex >= target {
		return 0, err
	}
	return target - st.AppliedIndex, nil
}

// statusOf asks a member how it is.
func (m *Member) statusOf(ctx context.Context, who *storev1.Member) (*storev1.StatusResponse, error) {
	if who.Id == m.cfg.ID {
		return m.Status(ctx, &storev1.StatusRequest{})
	}
	conn, err := m.peers.get(who.Address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	st, err := storev1.NewStoreServiceClient(conn).Status(ctx, &storev1.StatusRequest{})
	if err == nil && st.MemberId != who.Id {
		err = fmt.Errorf("%s is answered by member %q", who.Address, st.MemberId)
	}
	return st, err
}

// MemberRemove puts a member out. It is refused when those that stay could not go on.
func (m *Member) MemberRemove(ctx context.Context, req *storev1.MemberRemoveRequest) (*storev1.MemberRemoveResponse, error) {
	was := m.member(req.GetId()) != nil
	res, err := m.removeMember(ctx, req)
	if errors.Is(err, ErrRefused) && was && m.member(req.GetId()) == nil {
		// An earlier try, whose leader was lost before it answered, did it.
		return &storev1.MemberRemoveResponse{Members: m.members()}, nil
	}
	return res, err
}

func (m *Member) removeMember(ctx context.Context, req *storev1.MemberRemoveRequest) (*storev1.MemberRemoveResponse, error) {
	return changeMembers(ctx, m, func() (*storev1.MemberRemoveResponse, error) {
		if err := m.checkRemoval(ctx, req.GetId()); err != nil {
			return nil, err
		}
		if req.Id == m.cfg.ID {
			// The next leader removes this one; the caller's request finds its way there.
			if err := await(m.living, m.raft.LeadershipTransfer()); err != nil {
				return nil, refusef("the leader cannot be removed, as nobody takes over from it: %s", err)
			}
			return nil, errNotLeader
		}
		if err := m.configure(m.raft.RemoveServer(raft.ServerID(req.Id), 0, configTimeout)); err != nil {
			return nil, err
		}
		return &storev1.MemberRemoveResponse{Members: m.members()}, nil
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.MemberRemoveResponse, error) {
		return c.MemberRemove(ctx, req)
	})
}

// checkRemoval refuses a removal that would leave voters of which too few are there.
func (m *Member) checkRemoval(ctx context.Context, id string) error {
	who := m.member(id)
	if who == nil {
		return refusef("there is no member %q", id)
	}
	if !who.Voter {
		return nil
	}
	var stay []*storev1.Member
	for _, other := range m.members() {
		if other.Voter && other.Id != id {
			stay = append(stay, other)
		}
	}
	if len(stay) == 0 {
		return refusef("member %s is the only voter", id)
	}
	there := make(chan bool, len(stay))
	for _, other := range stay {
		go func() {
			_, err := m.statusOf(ctx, other)
			there <- err == nil
		}()
	}
	reached := 0
	for range stay {
		if <-there {
			reached++
		}
	}
	if quorum := len(stay)/2 + 1; reached < quorum {
		return refusef("without member %s there are %d voters, of which %d answer, and %d must", id, len(stay), reached, quorum)
	}
	return nil
}

// MoveLeader hands leadership to another voter.
func (m *Member) MoveLeader(ctx context.Context, req *storev1.MoveLeaderRequest) (*storev1.MoveLeaderResponse, error) {
	_, before := m.raft.LeaderWithID()
	res, err := m.moveLeader(ctx, req)
	for errors.Is(err, ErrOutcomeUnknown) {
		// The leader that was asked is none any more, which is what was asked for.
		changed := m.leaderChanged.next()
		if _, now := m.raft.LeaderWithID(); now != "" {
			if now != before && (req.GetId() == "" || req.GetId() == string(now)) {
				return &storev1.MoveLeaderResponse{LeaderId: string(now)}, nil
			}
			return nil, err
		}
		select {
		case <-changed:
		case <-time.After(retryPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return res, err
}

func (m *Member) moveLeader(ctx context.Context, req *storev1.MoveLeaderRequest) (*storev1.MoveLeaderResponse, error) {
	return route(ctx, m, func() (*storev1.MoveLeaderResponse, error) {
		if req.GetId() == m.cfg.ID {
			return &storev1.MoveLeaderResponse{LeaderId: m.cfg.ID}, nil
		}
		future := m.raft.LeadershipTransfer
		if req.GetId() != "" {
			who := m.member(req.Id)
			if who == nil || !who.Voter {
				return nil, refusef("there is no voter %q", req.Id)
			}
			future = func() raft.Future {
				return m.raft.LeadershipTransferToServer(raft.ServerID(who.Id), raft.ServerAddress(who.Address))
			}
		}
		if err := await(m.living, future()); err != nil {
			return nil, refusef("leadership stays where it is: %s", err)
		}
		for {
			changed := m.leaderChanged.next()
			if _, leader := m.raft.LeaderWithID(); leader != "" && string(leader) != m.cfg.ID {
				return &storev1.MoveLeaderResponse{LeaderId: string(leader)}, nil
			}
			select {
			case <-changed:
			case <-time.After(retryPause):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}, func(ctx context.Context, c storev1.StoreServiceClient) (*storev1.MoveLeaderResponse, error) {
		return c.MoveLeader(ctx, req)
	})
}

// configure waits for a change of the configuration.
func (m *Member) configure(change raft.Future) error {
	if err := proposeError(await(m.living, change)); err != nil {
		// Whether it was carried out or not, it can be asked for again.
		return &Error{Reason: Unavailable, Message: err.Error()}
	}
	return nil
}
