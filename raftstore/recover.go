package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/mvcc"
)

// Recover makes the member whose data directory it is given the only member of its store, for a store
// whose other members' disks are lost for good. What the others had acknowledged and this one had not
// got is lost; what this one had and the others had not agreed to is kept. The store goes on from a later revision, so
// that nobody takes what is gone for what is. The member must not be running. Of cfg it needs ID, DataDir and the address.
//
// On anything but a lost quorum this splits the store in two: members that still have their disks must never be
// started again.
func Recover(cfg Config, log hclog.Logger) (err error) {
	if cfg.ID == "" || cfg.DataDir == "" || cfg.AdvertiseAddress == "" && cfg.Address == "" {
		return errors.New("store: recovering needs the member's id, address and data directory")
	}
	cfg.setDefaults()
	if _, err := os.Stat(filepath.Join(cfg.DataDir, logDir)); err != nil {
		return fmt.Errorf("store: %s is not the data directory of a member: %w", cfg.DataDir, err)
	}
	kept, err := openStorage(&cfg, log)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	address := raft.ServerAddress(cfg.AdvertiseAddress)
	_, transport := raft.NewInmemTransport(address) // Only asked for the form of addresses.
	m := &Member{cfg: cfg}
	lone := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(cfg.ID), Address: address}}}
	keeper, err := newKeeper(kept.logs, kept.snapshots, log)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	machine := &recovering{fsm: newRecoveryFSM(log)}
	if err := raft.RecoverCluster(m.raftConfig(nil, log.Named("raft")), machine, kept.logs, kept.stable, keptSnapshots{keeper}, transport, lone); err != nil {
		return fmt.Errorf("store: recovering from %s: %w", cfg.DataDir, err)
	}
	st := machine.state.Stats()
	log.Warn("recovered as the only member", "member", cfg.ID, "revision", st.Revision, "keys", st.Keys)
	return nil
}

func newRecoveryFSM(log hclog.Logger) *fsm {
	idle := &leaseClock{} // Nobody leads while the log is read.
	return &fsm{state: mvcc.New(), log: log, metrics: newMetrics(), applied: &broadcast{}, granted: idle.granted, restored: idle.restored,
		compacted: func() {}, wrote: func(int) {}, raised: func(mvcc.Format) {}, newest: mvcc.NewestFormat}
}

// recovering moves the state past its revision before it is written down.
type recovering struct{ *fsm }

// Snapshot implements raft.FSM.
func (r *recovering) Snapshot() (raft.FSMSnapshot, error) {
	r.state.Rebase(r.state.Revision() + restoreMargin)
	return r.fsm.Snapshot()
}
