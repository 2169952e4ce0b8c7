package raftstore

import (
	"fmt"
	"slices"

	"github.com/hashicorp/raft"
)

// configLog notices when a change of the members that this leader wanted could not be written.
//
// hashicorp/raft takes such a change for made before it is on disk. When the disk refuses it, the leader steps down, and goes on with members that
// nobody has agreed to and that are in no log; it would count votes and writes among them. The log has the truth, so the member has to read it again: to end, and
// be started anew.
type configLog struct {
	raft.LogStore
	leads func() bool
	lost  func(error)
}

var _ raft.MonotonicLogStore = (*configLog)(nil)

// StoreLogs implements raft.LogStore. Raft calls it before it steps down.
func (l *configLog) StoreLogs(entries []*raft.Log) error {
	err := l.LogStore.StoreLogs(entries)
	if err != nil && l.leads() && slices.ContainsFunc(entries, func(e *raft.Log) bool { return e.Type == raft.LogConfiguration }) {
		l.lost(fmt.Errorf("a change of the members could not be written, and what this member takes for the members is not what is in its log; it ends, to be started anew: %w", err))
	}
	return err
}

// IsMonotonic implements raft.MonotonicLogStore.
func (l *configLog) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}
