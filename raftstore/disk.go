package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"kaji.dev/kaji/raftstore/wal"
)

const (
	// logDir is where log and vote are in a data directory; oldLogDir where versions before kept them, in another format.
	logDir    = "log"
	oldLogDir = "wal"
	// lockFile is held by the process that has the directory open.
	lockFile = "lock"
	// snapshotDir and, in a folder for each snapshot, snapshotState are Raft's names.
	snapshotDir   = "snapshots"
	snapshotState = "state.bin"
)

// disk is a member's data directory: a lock, and in log/ the log and the member's vote. Raft keeps its
// snapshots beside them.
type disk struct {
	lock  *os.File
	log   *wal.Log
	votes *wal.Votes
}

func openDisk(dir string, log hclog.Logger) (d *disk, err error) {
	if _, err := os.Stat(filepath.Join(dir, oldLogDir)); err == nil {
		return nil, fmt.Errorf("%s holds a log in the format of an earlier version (%s): start that version, take a snapshot, and restore it into a new store", dir, oldLogDir)
	}
	path := filepath.Join(dir, logDir)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	d = &disk{}
	if d.lock, err = os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	// Taken before the log is opened: there can be only one who writes it.
	if err := syscall.Flock(int(d.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		d.lock.Close()
		return nil, fmt.Errorf("the data directory %s is in use by another member: %w", dir, err)
	}
	if err := d.open(dir, path, log); err != nil {
		return nil, errors.Join(err, d.lock.Close())
	}
	return d, nil
}

func (d *disk) open(dir, path string, log hclog.Logger) error {
	// What a crash left of copies that were being taken in.
	leftovers, err := filepath.Glob(filepath.Join(dir, restorePrefix+"*"))
	if err != nil {
		return err
	}
	for _, name := range leftovers {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	if d.votes, err = wal.OpenVotes(wal.Dir(path)); err != nil {
		return fmt.Errorf("opening the vote in %s: %w", path, err)
	}
	if d.log, err = wal.Open(wal.Dir(path), wal.Options{Logger: log.Named("log")}); err != nil {
		return errors.Join(fmt.Errorf("opening the log in %s: %w", path, err), d.votes.Close())
	}
	return nil
}

// free gives the bytes that are free on the disk for who is not root.
func (d *disk) free() (int64, error) {
	var st unix.Statfs_t
	for {
		if err := unix.Fstatfs(int(d.lock.Fd()), &st); !errors.Is(err, unix.EINTR) {
			return int64(st.Bavail) * st.Bsize, err
		}
	}
}

func (d *disk) close() error {
	return errors.Join(d.log.Close(), d.votes.Close(), d.lock.Close())
}
