package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/go-hclog"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// disk is a member's data directory: a lock, and in wal/ the log and the member's vote. Raft keeps its
// snapshots beside them.
type disk struct {
	lock *os.File
	wal  *wal.WAL
	// meta is the log's own record of its segments. The log opens it, but leaves closing to us.
	meta *metadb.BoltMetaDB
}

func openDisk(dir string, log hclog.Logger) (d *disk, err error) {
	walDir := filepath.Join(dir, "wal")
	if err := os.MkdirAll(walDir, 0o700); err != nil {
		return nil, err
	}
	d = &disk{meta: &metadb.BoltMetaDB{}}
	if d.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	// Taken before the log is opened, which would wait for ever for whoever has it open.
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.lock.Close()
		return nil, fmt.Errorf("the data directory %s is in use by another member: %w", dir, err)
	}
	// What a crash left of copies that were being taken in.
	leftovers, err := filepath.Glob(filepath.Join(dir, restorePrefix+"*"))
	if err == nil {
		for _, name := range leftovers {
			err = errors.Join(err, os.Remove(name))
		}
	}
	if err != nil {
		d.lock.Close()
		return nil, err
	}
	d.wal, err = wal.Open(walDir, wal.WithLogger(log.Named("wal")), wal.WithMetaStore(d.meta))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the log in %s: %w", walDir, err), d.meta.Close(), d.lock.Close())
	}
	return d, nil
}

func (d *disk) close() error {
	return errors.Join(d.wal.Close(), d.meta.Close(), d.lock.Close())
}
