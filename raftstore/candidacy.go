package raftstore

import (
	"slices"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// openVotes has members judge candidates by their logs and terms alone, as Raft's proof has it. hashicorp/raft also refuses candidates
// that have no vote in the asked member's own configuration. But the one that is asked may be the one that lags: when members were replaced while it was
// away, it has not heard of the new ones, and they cannot elect a leader without it.
//
// The check goes by the id in the request, which means nothing else there. RequestVote is not checked without an id. RequestPreVote always is, so it is sent
// again with other ids until one of them has a vote where it is asked: as it promises nothing, it can be asked for as often as one likes.
type openVotes struct {
	raft.Transport
	// raft knows the voters, once it has started.
	raft *atomic.Pointer[raft.Raft]
}

var (
	_ raft.WithPreVote = openVotes{}
	_ raft.WithClose   = openVotes{}
)

// RequestVote implements raft.Transport.
func (t openVotes) RequestVote(id raft.ServerID, target raft.ServerAddress, req *raft.RequestVoteRequest, res *raft.RequestVoteResponse) error {
	own := *req // The same request goes to all.
	own.ID = nil
	return t.Transport.RequestVote(id, target, &own, res)
}

// RequestPreVote implements raft.WithPreVote.
func (t openVotes) RequestPreVote(id raft.ServerID, target raft.ServerAddress, req *raft.RequestPreVoteRequest, res *raft.RequestPreVoteResponse) error {
	ids := []raft.ServerID{raft.ServerID(req.ID), id}
	if r := t.raft.Load(); r != nil {
		for _, s := range r.GetConfiguration().Configuration().Servers {
			if s.Suffrage == raft.Voter && !slices.Contains(ids, s.ID) {
				ids = append(ids, s.ID)
			}
		}
	}
	for _, as := range ids {
		own := *req
		own.ID = []byte(as)
		*res = raft.RequestPreVoteResponse{}
		err := t.Transport.(raft.WithPreVote).RequestPreVote(id, target, &own, res)
		if err != nil || res.Granted || res.Term > req.Term {
			return err
		}
	}
	return nil
}

// Close implements raft.WithClose.
func (t openVotes) Close() error {
	if c, ok := t.Transport.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}
