package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/mvcc"
)

// firstTerm is the term that a store made from a copy begins in.
const firstTerm = 1

// NewFromCopy makes the data directory of a member of a new store that begins with a copy made by Snapshot. It needs cfg's ID, DataDir
// and Members, this one among them, and gives the revision the store begins with, which is past the copy's so that
// nobody takes the new store for the old one.
//
// Do it for each of the members, with the same copy and the same members, before any of them is started; or for one alone, and add the
// others to it. The copy takes the place of the log up to an index that follows from its revision: should the copies differ after all, then the one who has the
// newest is elected, and replaces what the others have.
func NewFromCopy(cfg Config, in io.Reader, log hclog.Logger) (rev int64, err error) {
	if err := cfg.validateMembers(); err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	if cfg.ID == "" || cfg.DataDir == "" || len(cfg.Members) == 0 {
		return 0, errors.New("store: a new member needs an id, a data directory and the members to begin with")
	}
	entries, err := os.ReadDir(cfg.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	if len(entries) > 0 {
		return 0, &Error{Reason: Refused, Message: fmt.Sprintf("%s is not empty: a new store begins in a directory of its own", cfg.DataDir)}
	}
	state, err := mvcc.Read(in)
	if err != nil {
		return 0, err
	}
	index := uint64(state.Revision())
	state.Rebase(state.Revision() + restoreMargin)
	defer func() {
		if err != nil {
			// What is half made must not be taken for a member that forgot everything.
			err = errors.Join(err, clearDirectory(cfg.DataDir))
		}
	}()
	kept, err := openStorage(&cfg, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	// As Raft's bootstrapping does: the term, then what is in it.
	if err := kept.stable.SetUint64([]byte("CurrentTerm"), firstTerm); err != nil {
		return 0, err
	}
	_, transport := raft.NewInmemTransport("") // Only asked for the form of addresses.
	sink, err := kept.snapshots.Create(raft.SnapshotVersionMax, index, firstTerm, configurationOf(cfg.Members), index, transport)
	if err != nil {
		return 0, err
	}
	if err := (&fsmSnapshot{snapshot: state.Snapshot(), log: log}).Persist(sink); err != nil {
		return 0, err
	}
	return state.Revision(), nil
}

func configurationOf(members []Peer) (c raft.Configuration) {
	for _, p := range members {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address)})
	}
	return c
}

func clearDirectory(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}
