package raftstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/mvcc"
	"kaji.dev/kaji/raftstore/wal"
)

// Directory is what Inspect found in the data directory of a member that does not run.
type Directory struct {
	// Log is what the log is like; LogErr says where the log or the vote is damaged.
	Log    wal.Found
	LogErr error
	// Snapshots are those on disk, the newest first.
	Snapshots []SnapshotFile
	// Members are those of the newest configuration in the directory, which may not have been agreed on.
	Members []Peer
	// Usable tells that the member would start, by an older snapshot perhaps.
	Usable bool
}

// SnapshotFile is a snapshot on a member's disk.
type SnapshotFile struct {
	// Path is the file with the state.
	Path string
	// Index is the last index of the log that is in it, Time when it was begun.
	Index uint64
	Time  time.Time
	// Summary is what it holds, when it is not damaged.
	mvcc.Summary
	// Err says how it is damaged.
	Err error
}

// Inspect looks at the data directory of a member that does not run: all of its log, its vote and its snapshots are read and
// their checksums compared. Nothing is changed. The error says why it could not look.
func Inspect(dir string) (*Directory, error) {
	path := filepath.Join(dir, logDir)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s is not the data directory of a member: %w", dir, err)
	}
	lock, err := os.Open(filepath.Join(dir, lockFile))
	switch {
	case errors.Is(err, fs.ErrNotExist): // A member that starts makes it.
	case err != nil:
		return nil, err
	default:
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return nil, fmt.Errorf("the data directory %s is in use by a member: stop it first, or ask it with `kaji store check`: %w", dir, err)
		}
	}
	d := &Directory{}
	if err := d.readSnapshots(dir); err != nil {
		return nil, err
	}
	d.Log, err = wal.Check(wal.Dir(path), func(e *raft.Log) error {
		if e.Type == raft.LogConfiguration {
			d.Members = peersOf(raft.DecodeConfiguration(e.Data))
		}
		return nil
	})
	if err != nil {
		d.LogErr = fmt.Errorf("%s: %w", path, err)
	}
	d.Usable = err == nil && d.startable()
	return d, nil
}

// Damage is all that is damaged; each error names the file.
func (d *Directory) Damage() []error {
	var out []error
	if d.LogErr != nil {
		out = append(out, d.LogErr)
	}
	for _, s := range d.Snapshots {
		if s.Err != nil {
			out = append(out, s.Err)
		}
	}
	return out
}

// readSnapshots reads all snapshots.
func (d *Directory) readSnapshots(dir string) error {
	path := filepath.Join(dir, snapshotDir)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	store, err := raft.NewFileSnapshotStoreWithLogger(dir, snapshotsKept, hclog.NewNullLogger())
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	for i, meta := range list {
		s := SnapshotFile{Path: filepath.Join(path, meta.ID, snapshotState), Index: meta.Index, Time: snapshotTime(meta.ID)}
		_, in, err := store.Open(meta.ID)
		if err == nil {
			s.Summary, err = mvcc.Verify(in)
			in.Close()
		}
		if err != nil {
			s.Err = fmt.Errorf("%s: %w", s.Path, err)
		}
		if i == 0 {
			d.Members = peersOf(meta.Configuration)
		}
		d.Snapshots = append(d.Snapshots, s)
	}
	return nil
}

// startable tells whether a member could go on from the snapshots and the log, which is whole. See keptSnapshots.covers.
func (d *Directory) startable() bool {
	for i, s := range d.Snapshots {
		if s.Err == nil {
			return i == 0 || (d.Log.First > 0 && d.Log.First <= s.Index+1 && d.Log.Last >= d.Snapshots[0].Index)
		}
	}
	return len(d.Snapshots) == 0
}

func peersOf(c raft.Configuration) []Peer {
	var out []Peer
	for _, s := range c.Servers {
		out = append(out, Peer{ID: string(s.ID), Address: string(s.Address)})
	}
	return out
}
