package raftstore

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// keeper stands between Raft and what a member keeps, for the sake of a snapshot that turns out to be damaged: the one before can take its place only
// with the log from there on, so that much of the log is kept. And it knows the newest snapshot without a look at the disk.
type keeper struct {
	log       hclog.Logger
	logs      raft.LogStore
	snapshots raft.SnapshotStore

	mu sync.Mutex
	// last is the newest snapshot; nil when there is none.
	last *snapshotMark
	// refusal is why the log could not be written; nil when it could the last time.
	refusal error
	// older is the index up to which the log may be forgotten: that of the oldest snapshot, once there are as many as are kept.
	older uint64
}

// snapshotMark says which snapshot, and when it was begun.
type snapshotMark struct {
	index uint64
	time  time.Time
}

func newKeeper(logs raft.LogStore, snapshots raft.SnapshotStore, log hclog.Logger) (*keeper, error) {
	k := &keeper{log: log, logs: logs, snapshots: snapshots}
	return k, k.look()
}

// look takes in which snapshots there are.
func (k *keeper) look() error {
	list, err := k.snapshots.List()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last, k.older = nil, 0
	if len(list) > 0 {
		k.last = &snapshotMark{index: list[0].Index, time: snapshotTime(list[0].ID)}
	}
	if len(list) >= snapshotsKept {
		k.older = list[len(list)-1].Index
	}
	return nil
}

// newest gives the newest snapshot, or nil.
func (k *keeper) newest() *snapshotMark {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// failing gives why the log could not be written the last time, or nil.
func (k *keeper) failing() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refusal
}

// snapshotTime reads the time from an id as Raft makes them, term-index-milliseconds; zero when it is none.
func snapshotTime(id string) time.Time {
	ms, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// keptSnapshots is the snapshots as Raft sees them.
type keptSnapshots struct{ *keeper }

var _ raft.SnapshotStore = keptSnapshots{}

// Create implements raft.SnapshotStore.
func (k keptSnapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration, membersIndex uint64, transport raft.Transport) (raft.SnapshotSink, error) {
	sink, err := k.snapshots.Create(version, index, term, members, membersIndex, transport)
	if err != nil {
		return nil, err
	}
	return &keptSink{SnapshotSink: sink, keeper: k.keeper}, nil
}

type keptSink struct {
	raft.SnapshotSink
	keeper *keeper
}

// Close implements raft.SnapshotSink.
func (s *keptSink) Close() error {
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	return s.keeper.look()
}

// List implements raft.SnapshotStore.
func (k keptSnapshots) List() ([]*raft.SnapshotMeta, error) { return k.snapshots.List() }

// Open implements raft.SnapshotStore. An older snapshot is given only when the log has all that came after it: otherwise what this member had
// acknowledged would be gone, and nobody would know.
func (k keptSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	list, err := k.snapshots.List()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range list {
		if s.ID == id && s.Index < list[0].Index {
			if err := k.covers(s, list[0]); err != nil {
				k.log.Error("an older snapshot is of no use", "snapshot", id, "error", err)
				return nil, nil, err
			}
			k.log.Warn("the newest snapshot is damaged; going on from the one before and the log after it", "damaged", list[0].ID, "snapshot", id)
		}
	}
	return k.snapshots.Open(id)
}

// covers says why the log does not lead from one snapshot past the other.
func (k keptSnapshots) covers(older, newer *raft.SnapshotMeta) error {
	first, err := k.logs.FirstIndex()
	if err != nil {
		return err
	}
	last, err := k.logs.LastIndex()
	if err != nil {
		return err
	}
	if first == 0 || first > older.Index+1 || last < newer.Index {
		return fmt.Errorf("snapshot %s is damaged, and the log, which holds %d to %d, does not lead there from %s", newer.ID, first, last, older.ID)
	}
	return nil
}

// keptLog is the log as Raft sees it.
type keptLog struct {
	raft.LogStore
	keeper *keeper
}

var _ raft.MonotonicLogStore = keptLog{}

// IsMonotonic implements raft.MonotonicLogStore.
func (l keptLog) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// StoreLog implements raft.LogStore.
func (l keptLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements raft.LogStore.
func (l keptLog) StoreLogs(entries []*raft.Log) error {
	err := l.LogStore.StoreLogs(entries)
	l.keeper.mu.Lock()
	l.keeper.refusal = err
	l.keeper.mu.Unlock()
	return err
}

// DeleteRange implements raft.LogStore: of the log's beginning less is deleted than Raft wants. Its end, and all of it, are Raft's to void.
func (l keptLog) DeleteRange(first, last uint64) error {
	begin, err := l.FirstIndex()
	if err != nil {
		return err
	}
	end, err := l.LastIndex()
	if err != nil {
		return err
	}
	if first <= begin && last < end {
		l.keeper.mu.Lock()
		last = min(last, l.keeper.older)
		l.keeper.mu.Unlock()
		if last < first {
			return nil
		}
	}
	return l.LogStore.DeleteRange(first, last)
}
