package raftstore_test

import (
	"bytes"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/wal"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// simDisk is the disk of a simulated member, below the same log as a real one's. What was written and not synced is lost in a
// crash: all of it, some of it, or sectors out of the middle; files that were made or removed since the folder was synced may be there or not.
//
// Nothing sleeps below the log, which holds a lock of its own then, and simulated time does not pass while somebody waits for a lock.
// Instead each sync notes when it will have been done, one after the other, and simLog and simVotes wait for that.
type simDisk struct {
	mu    sync.Mutex
	files map[string]*simFile
	// made counts the files that were made: a file that takes the name of another is not that one.
	made int
	// snapshots are on disk as soon as they are here.
	snapshots []*simSnapshot
	taken     int
	// durable is what a crash leaves for sure; journal is what is on its way there.
	durable image
	journal []step
	// latency is how long a sync takes.
	latency time.Duration
	// full: files get no more room.
	full bool
}

// image is the contents of a disk: of files by their number, and the numbers by name.
type image struct {
	files map[int][]byte
	named map[string]int
}

// step is a sync: it is on disk from a moment on. Until then a crash leaves it done, or not, or half done.
type step struct {
	done time.Time
	// file and spans are a sync of what was written to a file, size its length.
	file  int
	spans []span
	size  int
	// names are all files there are, for a sync of the folder.
	names map[string]int
}

func newSimDisk() *simDisk {
	return &simDisk{files: map[string]*simFile{}, durable: image{files: map[int][]byte{}, named: map[string]int{}}, latency: time.Millisecond}
}

// simFile is a file that is open or may be opened.
type simFile struct {
	disk     *simDisk
	name     string
	number   int
	contents []byte
	written  []span
}

// span is what was written at an offset and not yet synced.
type span struct {
	at   int64
	data []byte
}

// put brings a step to the disk, keeping of each sector what keep says.
func (i *image) put(s step, keep func() bool) {
	if s.names != nil {
		if keep() {
			i.named = s.names
		}
		return
	}
	old := i.files[s.file]
	now := append(make([]byte, 0, max(s.size, len(old))), old...)[:max(s.size, len(old))]
	for _, w := range s.spans {
		for at := 0; at < len(w.data); {
			n := min(len(w.data)-at, sectorBytes-int(w.at+int64(at))%sectorBytes)
			if keep() {
				copy(now[w.at+int64(at):], w.data[at:at+n])
			}
			at += n
		}
	}
	i.files[s.file] = now
}

// advance brings to the disk what is done by now. Called with mu held.
func (d *simDisk) advance() {
	now := time.Now()
	for len(d.journal) > 0 && !d.journal[0].done.After(now) {
		d.durable.put(d.journal[0], func() bool { return true })
		d.journal = d.journal[1:]
	}
}

// begin notes a step that is done when those before it and the disk's latency are over. Called with mu held.
func (d *simDisk) begin(s step) {
	d.advance()
	from := time.Now()
	if n := len(d.journal); n > 0 {
		from = d.journal[n-1].done
	}
	s.done = from.Add(d.latency)
	d.journal = append(d.journal, s)
}

// wait waits until all that was begun is done.
func (d *simDisk) wait() {
	d.mu.Lock()
	var until time.Time
	if n := len(d.journal); n > 0 {
		until = d.journal[n-1].done
	}
	d.mu.Unlock()
	time.Sleep(time.Until(until))
}

// crash gives the disk as it is found after a power cut now. The disk itself goes on, for whoever does not know yet that he is dead.
func (d *simDisk) crash(rnd *rand.Rand) *simDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	left := image{files: maps.Clone(d.durable.files), named: maps.Clone(d.durable.named)}
	mode, first := rnd.IntN(4), rnd.IntN(64) // None of the sectors, all, the first ones, any.
	keep := func() bool {
		first--
		return mode == 1 || mode == 2 && first > 0 || mode == 3 && rnd.IntN(2) == 0
	}
	if len(d.journal) > 0 {
		// The one under way. Who waits for it has not begun the others.
		left.put(d.journal[0], keep)
	} else {
		for _, name := range slices.Sorted(maps.Keys(d.files)) {
			f := d.files[name]
			left.put(step{file: f.number, spans: f.written, size: len(f.contents)}, keep)
		}
	}
	for _, f := range d.files {
		left.put(step{file: f.number, size: len(f.contents)}, keep)
	}
	found := newSimDisk()
	found.snapshots, found.taken, found.made = slices.Clone(d.snapshots), d.taken, d.made
	names := map[string]bool{}
	for name := range d.files {
		names[name] = true
	}
	for name := range left.named {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		number, there := left.named[name]
		if f := d.files[name]; (f == nil) == there || f != nil && f.number != number {
			// Made or removed since the folder was synced: either.
			if rnd.IntN(2) == 0 {
				there = f != nil
				if there {
					number = f.number
				}
			}
		}
		if there {
			contents := left.files[number]
			found.files[name] = &simFile{disk: found, name: name, number: number, contents: bytes.Clone(contents)}
			found.durable.files[number] = contents
			found.durable.named[name] = number
		}
	}
	return found
}

func (d *simDisk) set(latency time.Duration, full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency, d.full = latency, full
}

// simSegment is small, so that segments are begun often.
const simSegment = 32 << 10

// open opens the log and the votes that a real member would have, on this disk.
func (d *simDisk) open(log hclog.Logger) (*simLog, *simVotes, error) {
	votes, err := wal.OpenVotes(d)
	if err != nil {
		return nil, nil, err
	}
	l, err := wal.Open(d, wal.Options{SegmentBytes: simSegment, Logger: log})
	if err != nil {
		return nil, nil, err
	}
	d.wait()
	return &simLog{Log: l, disk: d}, &simVotes{Votes: votes, disk: d}, nil
}

// simLog is a log that is done with a write when the disk is.
type simLog struct {
	*wal.Log
	disk *simDisk
}

func (l *simLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

func (l *simLog) StoreLogs(entries []*raft.Log) error {
	err := l.Log.StoreLogs(entries)
	l.disk.wait()
	return err
}

func (l *simLog) DeleteRange(first, last uint64) error {
	err := l.Log.DeleteRange(first, last)
	l.disk.wait()
	return err
}

// simVotes are votes that are done with a write when the disk is.
type simVotes struct {
	*wal.Votes
	disk *simDisk
}

func (v *simVotes) Set(key, value []byte) error {
	err := v.Votes.Set(key, value)
	v.disk.wait()
	return err
}

func (v *simVotes) SetUint64(key []byte, value uint64) error {
	err := v.Votes.SetUint64(key, value)
	v.disk.wait()
	return err
}

// List implements wal.FS.
func (d *simDisk) List() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.files)), nil
}

// Create implements wal.FS.
func (d *simDisk) Create(name string, size int64) (wal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return nil, &os.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	if d.files[name] != nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: os.ErrExist}
	}
	d.made++
	f := &simFile{disk: d, name: name, number: d.made, contents: make([]byte, size)}
	d.files[name] = f
	return f, nil
}

// Open implements wal.FS.
func (d *simDisk) Open(name string) (wal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[name]; f != nil {
		return f, nil
	}
	return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
}

// Remove implements wal.FS.
func (d *simDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, name)
	return nil
}

// Sync implements wal.FS.
func (d *simDisk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := map[string]int{}
	for name, f := range d.files {
		names[name] = f.number
	}
	d.begin(step{names: names})
	return nil
}

func (f *simFile) ReadAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if at >= int64(len(f.contents)) {
		return 0, io.EOF
	}
	n := copy(p, f.contents[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt fails when a full disk has to give room, and half of the time otherwise while it is full: another file system may.
func (f *simFile) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	end := at + int64(len(p))
	if f.disk.full && (end > int64(len(f.contents)) || f.name != "votes" && len(p)%2 == 0) {
		n := len(p) / 2 / sectorBytes * sectorBytes // A part of it may have been written.
		if at+int64(n) <= int64(len(f.contents)) {
			copy(f.contents[at:], p[:n])
			f.written = append(f.written, span{at: at, data: bytes.Clone(p[:n])})
		}
		return n, syscall.ENOSPC
	}
	if end > int64(len(f.contents)) {
		f.contents = append(f.contents, make([]byte, end-int64(len(f.contents)))...)
	}
	copy(f.contents[at:], p)
	f.written = append(f.written, span{at: at, data: bytes.Clone(p)})
	return len(p), nil
}

// Sync begins to make durable what was written.
func (f *simFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.begin(step{file: f.number, spans: f.written, size: len(f.contents)})
	f.written = nil
	return nil
}

func (f *simFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.contents)), nil
}

func (*simFile) Close() error { return nil }
