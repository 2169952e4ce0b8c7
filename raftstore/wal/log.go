package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/mutant"
)

// Options of a Log. The zero value is usable.
type Options struct {
	// SegmentBytes is how large a segment is; 0 means 64 MiB.
	SegmentBytes int64
	// Logger is told what is found and mended; nil means nobody.
	Logger hclog.Logger
}

// Log is Raft's log. Make it with Open.
type Log struct {
	fs   FS
	opts Options
	log  hclog.Logger

	// writing is held by whoever changes the log, through its sync; taken before mu.
	writing sync.Mutex
	buffer  []byte
	// write is the number of the last write.
	write uint64
	// end is where the log ends: the next entry is the one after it. 0 lets it begin anywhere.
	end uint64
	// failed is the write that failed; before the next one the log is read anew.
	failed error
	closed bool

	// mu guards what readers need.
	mu       sync.RWMutex
	segments []*segment
	// places are where entries are, of first and those after it.
	first  uint64
	places []place
}

// place is where an entry is.
type place struct {
	segment *segment
	at      int64
	bytes   int32
}

var (
	_ raft.LogStore          = (*Log)(nil)
	_ raft.MonotonicLogStore = (*Log)(nil)
)

var errClosed = errors.New("the log is closed")

// Open opens the log in a folder, and begins one where there is none.
func Open(fs FS, opts Options) (*Log, error) {
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = 64 << 20
	}
	if opts.Logger == nil {
		opts.Logger = hclog.NewNullLogger()
	}
	l := &Log{fs: fs, opts: opts, log: opts.Logger}
	if err := l.recover(); err != nil {
		return nil, errors.Join(err, l.closeSegments())
	}
	return l, nil
}

// last is the last index; 0 when the log is empty. Called with mu or writing held.
func (l *Log) last() uint64 {
	if len(l.places) == 0 {
		return 0
	}
	return l.first + uint64(len(l.places)) - 1
}

// FirstIndex implements raft.LogStore.
func (l *Log) FirstIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.places) == 0 {
		return 0, nil
	}
	return l.first, nil
}

// LastIndex implements raft.LogStore.
func (l *Log) LastIndex() (uint64, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.last(), nil
}

// IsMonotonic implements raft.MonotonicLogStore: there are no gaps in the log, so Raft empties it when it has taken in a snapshot.
func (l *Log) IsMonotonic() bool { return true }

// GetLog implements raft.LogStore.
func (l *Log) GetLog(index uint64, entry *raft.Log) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if index < l.first || index-l.first >= uint64(len(l.places)) {
		return raft.ErrLogNotFound
	}
	p := l.places[index-l.first]
	b := make([]byte, p.bytes)
	if n, err := p.segment.file.ReadAt(b, p.at); n < len(b) {
		return fmt.Errorf("entry %d in %s: %w", index, p.segment.name(), err)
	}
	var r record
	if _, err := parseRecord(b, p.segment.salt, &r); err != nil || r.kind != kindEntry || r.entry.Index != index {
		return fmt.Errorf("entry %d is damaged, in %s at %d", index, p.segment.name(), p.at)
	}
	*entry = r.entry
	return nil
}

// StoreLog implements raft.LogStore.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs implements raft.LogStore: it returns when the entries are on disk. Entries after a gap follow a snapshot that Raft has taken in; all
// that the log held is void then.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	for i, e := range entries[1:] {
		if e.Index != entries[i].Index+1 {
			return fmt.Errorf("entry %d follows entry %d", e.Index, entries[i].Index)
		}
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.mend(); err != nil {
		return err
	}
	last := l.last()
	if last > 0 && entries[0].Index <= last {
		return fmt.Errorf("entry %d is in the log already, which ends at %d", entries[0].Index, last)
	}
	if last > 0 && entries[0].Index > last+1 {
		if err := l.begin(head{fresh: true}); err != nil {
			return l.fail(err)
		}
	}
	var bytes int64
	for _, e := range entries {
		bytes += int64(size(e))
	}
	tail, err := l.tail(bytes)
	if err != nil {
		return l.fail(err)
	}
	l.write++
	b := l.buffer[:0]
	places := make([]place, len(entries))
	for i, e := range entries {
		at := len(b)
		b = appendRecord(b, tail.salt, &record{kind: kindEntry, write: l.write, part: uint32(i), parts: uint32(len(entries)), entry: *e})
		places[i] = place{segment: tail, at: tail.end + int64(at), bytes: int32(len(b) - at)}
	}
	if l.buffer = b; cap(b) > keepBuffer {
		l.buffer = nil
	}
	if err := l.append(tail, b); err != nil {
		return l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.places) == 0 {
		l.first = entries[0].Index
	}
	l.places = append(l.places, places...)
	l.end = entries[len(entries)-1].Index
	tail.newest = l.end
	return nil
}

// keepBuffer is how large a buffer may be and be used again.
const keepBuffer = 4 << 20

// append writes records to a segment and syncs it.
func (l *Log) append(s *segment, b []byte) error {
	if _, err := s.file.WriteAt(b, s.end); err != nil {
		return err
	}
	if !mutant.NoSync {
		if err := s.file.Sync(); err != nil {
			return err
		}
	}
	s.end += int64(len(b))
	s.room = max(s.room, s.end)
	return nil
}

// tail gives the segment that so many bytes go to: the last one, or a new one when it is full.
func (l *Log) tail(bytes int64) (*segment, error) {
	if n := len(l.segments); n > 0 {
		if s := l.segments[n-1]; s.end+bytes <= s.room || s.end == headBytes {
			return s, nil
		}
	}
	if err := l.begin(head{last: l.end}); err != nil {
		return nil, err
	}
	return l.segments[len(l.segments)-1], nil
}

// begin begins a new segment. With a fresh head the log is empty then, and older segments go.
func (l *Log) begin(h head) (err error) {
	h.number, h.write, h.salt = 1, l.write, rand.Uint32()
	if n := len(l.segments); n > 0 {
		h.number = l.segments[n-1].number + 1
	}
	s := &segment{head: h, end: headBytes, room: max(l.opts.SegmentBytes, 2*headBytes)}
	if s.file, err = l.fs.Create(s.name(), s.room); err != nil {
		return fmt.Errorf("beginning a segment of the log: %w", err)
	}
	if _, err = s.file.WriteAt(h.bytes(), 0); err == nil {
		err = s.file.Sync()
	}
	if err == nil {
		err = l.fs.Sync()
	}
	if err != nil {
		// It may be there after a restart, whole or not: it says no more than is true.
		return errors.Join(fmt.Errorf("beginning a segment of the log: %w", err), s.file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.segments
	l.segments = append(slices.Clone(old), s)
	if h.fresh {
		l.places, l.first, l.end = nil, 0, 0
		l.segments = []*segment{s}
		l.remove(old)
	}
	return nil
}

// remove takes away segments that hold nothing any more, the oldest first. Those that stay are found and taken away when the log is
// opened. Called with mu held.
func (l *Log) remove(old []*segment) {
	for _, s := range old {
		if err := errors.Join(s.file.Close(), l.fs.Remove(s.name())); err != nil {
			l.log.Warn("a segment of the log that is not needed any more stays", "segment", s.name(), "error", err)
		}
	}
}

// DeleteRange implements raft.LogStore. Raft deletes at the beginning of the log, at its end, or all of it.
func (l *Log) DeleteRange(first, last uint64) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.mend(); err != nil {
		return err
	}
	end := l.last()
	if end == 0 || last < first || first > end || last < l.first {
		return nil
	}
	switch {
	case first <= l.first && last >= end:
		if err := l.begin(head{fresh: true}); err != nil {
			return l.fail(err)
		}
		return nil
	case first <= l.first:
		l.deleteHead(last)
		return nil
	case last >= end:
		return l.cut(first)
	}
	return fmt.Errorf("entries %d to %d are in the middle of the log, which holds %d to %d", first, last, l.first, end)
}

// deleteHead forgets the entries up to last. They are back after a restart when other entries of their segment stay.
func (l *Log) deleteHead(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int(last - l.first + 1)
	l.places = slices.Clone(l.places[n:])
	l.first = last + 1
	gone := 0
	for gone < len(l.segments)-1 && l.segments[gone].newest <= last {
		gone++
	}
	l.remove(l.segments[:gone])
	l.segments = slices.Clone(l.segments[gone:])
}

// cut voids the entries from first on.
func (l *Log) cut(first uint64) error {
	r := record{kind: kindCut, parts: 1, entry: raft.Log{Index: first}}
	tail, err := l.tail(int64(size(&r.entry)))
	if err != nil {
		return l.fail(err)
	}
	l.write++
	r.write = l.write
	if err := l.append(tail, appendRecord(nil, tail.salt, &r)); err != nil {
		return l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places, l.end = slices.Clone(l.places[:first-l.first]), first-1
	return nil
}

// fail notes a write that failed. Called with writing held.
func (l *Log) fail(err error) error {
	l.log.Error("the log could not be written; it is read anew before the next write", "error", err)
	l.failed = err
	return err
}

// Close closes the files.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.closed = true
	return l.closeSegments()
}

func (l *Log) closeSegments() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	for _, s := range l.segments {
		err = errors.Join(err, s.file.Close())
	}
	l.segments, l.places = nil, nil
	return err
}
