package raftstore_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// simSnapshots is the disk's snapshots, the newest first.
type simSnapshots struct{ *simDisk }

type simSnapshot struct {
	raft.SnapshotMeta
	data []byte
}

func (d simSnapshots) Create(version raft.SnapshotVersion, index, term uint64, members raft.Configuration, membersIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken++
	return &simSink{disk: d.simDisk, simSnapshot: simSnapshot{SnapshotMeta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, d.taken), Index: index, Term: term, Configuration: members, ConfigurationIndex: membersIndex,
	}}}, nil
}

func (d simSnapshots) List() ([]*raft.SnapshotMeta, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*raft.SnapshotMeta
	for _, s := range d.snapshots {
		meta := s.SnapshotMeta
		list = append(list, &meta)
	}
	return list, nil
}

func (d simSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.snapshots {
		if s.ID == id {
			meta := s.SnapshotMeta
			return &meta, io.NopCloser(bytes.NewReader(s.data)), nil
		}
	}
	return nil, nil, os.ErrNotExist
}

// simSink is a snapshot that is being written; it is there once it is closed.
type simSink struct {
	simSnapshot
	disk *simDisk
}

func (s *simSink) ID() string { return s.SnapshotMeta.ID }

func (s *simSink) Write(p []byte) (int, error) {
	s.data = append(s.data, p...)
	return len(p), nil
}

func (s *simSink) Cancel() error { return nil }

func (s *simSink) Close() error {
	time.Sleep(s.disk.latency)
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.Size = int64(len(s.data))
	s.disk.snapshots = slices.Insert(s.disk.snapshots, 0, &s.simSnapshot)
	s.disk.snapshots = s.disk.snapshots[:min(2, len(s.disk.snapshots))]
	return nil
}
