package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Found is what Check found in a folder.
type Found struct {
	// Segments are the names of the log's files, in order.
	Segments []string
	// First and Last are the indexes of the log; 0 when it is empty.
	First, Last uint64
	// Torn tells that the log ends with a write that was not finished, which is no damage.
	Torn bool
	// Bytes is the room the log takes.
	Bytes int64
}

// Check reads all of the log and the votes in a folder, and changes nothing. An error names what is damaged, and where. entry, when not nil, is
// handed every entry of a log that is whole. Nobody else may have the folder open.
func Check(dir Dir, entry func(*raft.Log) error) (found Found, err error) {
	_, votesErr := openVotesIn(dir)
	l := &Log{fs: readOnly{dir}, log: hclog.NewNullLogger()}
	torn, logErr := l.read()
	defer func() { err = errors.Join(err, l.closeSegments()) }()
	names, err := dir.List()
	if err != nil {
		return found, err
	}
	slices.Sort(names)
	for _, name := range names {
		if _, ok := segmentNumber(name); ok {
			found.Segments = append(found.Segments, name)
			if info, err := os.Stat(filepath.Join(string(dir), name)); err == nil {
				found.Bytes += info.Size()
			}
		}
	}
	if err := errors.Join(votesErr, logErr); err != nil {
		return found, err
	}
	found.Torn, found.Last = torn, l.last()
	if found.Last > 0 {
		found.First = l.first
	}
	for i := found.First; entry != nil && i > 0 && i <= found.Last; i++ {
		var e raft.Log
		if err := l.GetLog(i, &e); err != nil {
			return found, err
		}
		if err := entry(&e); err != nil {
			return found, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return found, nil
}

// openVotesIn reads the votes; a folder without them, and without a log, is no store's.
func openVotesIn(dir Dir) (*Votes, error) {
	if _, err := os.Stat(filepath.Join(string(dir), votesName)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the file %s is missing", votesName)
	}
	v, err := OpenVotes(readOnly{dir})
	if err != nil {
		return nil, err
	}
	return v, v.Close()
}

// readOnly is a folder that nothing is written to.
type readOnly struct{ Dir }

// Create implements FS.
func (d readOnly) Create(name string, _ int64) (File, error) {
	return nil, &os.PathError{Op: "create", Path: filepath.Join(string(d.Dir), name), Err: os.ErrPermission}
}

// Open implements FS.
func (d readOnly) Open(name string) (File, error) {
	f, err := os.Open(filepath.Join(string(d.Dir), name))
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Remove implements FS: what a member would remove stays.
func (readOnly) Remove(string) error { return nil }

// Sync implements FS.
func (readOnly) Sync() error { return nil }
