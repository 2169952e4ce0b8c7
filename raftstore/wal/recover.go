package wal

import (
	"errors"
	"fmt"
	"slices"
)

// probeName is a file that shows whether there is room for a segment.
const probeName = "probe"

// recover reads what is in the folder, and makes it ready for writes: a segment whose end was torn is left as it is.
func (l *Log) recover() error {
	torn, err := l.read()
	if err != nil {
		return err
	}
	if torn {
		l.log.Info("the log ends with a write that was not finished", "last", l.end)
		return l.begin(head{last: l.end, fresh: l.end == 0})
	}
	return nil
}

// mend reads the log anew after a write that failed, and voids what is on disk beyond what was acknowledged. Called with writing held.
func (l *Log) mend() error {
	if l.closed {
		return errClosed
	}
	if l.failed == nil {
		return nil
	}
	// First whether there is any use in reading it all.
	if err := l.probe(); err != nil {
		return fmt.Errorf("the log has not recovered from %q: %w", l.failed, err)
	}
	again := &Log{fs: l.fs, opts: l.opts, log: l.log}
	_, err := again.read()
	if err == nil && again.end < l.end {
		err = fmt.Errorf("the log on disk ends at %d, and %d had been acknowledged", again.end, l.end)
	}
	if err == nil {
		again.cutOff(l.end)
		err = again.begin(head{last: l.end, fresh: l.end == 0})
	}
	if err == nil && l.first > again.first && len(again.places) > 0 {
		again.deleteHead(l.first - 1)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("reading the log anew after %q: %w", l.failed, err), again.closeSegments())
	}
	l.mu.Lock()
	old := l.segments
	l.segments, l.places, l.first, l.end, l.write = again.segments, again.places, again.first, again.end, again.write
	l.mu.Unlock()
	for _, s := range old {
		if err := s.file.Close(); err != nil {
			l.log.Warn("closing a segment after a write that failed", "segment", s.name(), "error", err)
		}
	}
	l.log.Info("the log was read anew after a write that failed", "last", l.end, "error", l.failed)
	l.failed = nil
	return nil
}

// probe tells whether there is room for a segment.
func (l *Log) probe() error {
	f, err := l.fs.Create(probeName, l.opts.SegmentBytes)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), l.fs.Remove(probeName))
}

// read takes in all segments. torn tells that the last one cannot be gone on with.
func (l *Log) read() (torn bool, err error) {
	names, err := l.fs.List()
	if err != nil {
		return false, err
	}
	var numbers []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			numbers = append(numbers, n)
		} else if name == probeName {
			err = errors.Join(err, l.fs.Remove(name))
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		s, openErr := l.open(n)
		if errors.Is(openErr, errHead) {
			if blank, blankErr := s.blank(); blankErr != nil || !blank || i < len(numbers)-1 {
				return false, errors.Join(err, fmt.Errorf("%s: %w: it is damaged", s.name(), openErr), blankErr, s.file.Close())
			}
			// It was being made; nothing had been written to it.
			return torn, errors.Join(err, s.file.Close(), l.fs.Remove(s.name()))
		}
		if openErr == nil {
			openErr = l.follow(s)
		}
		if openErr == nil {
			torn, openErr = l.replay(s)
		}
		if openErr != nil {
			return false, errors.Join(err, fmt.Errorf("%s: %w", segmentName(n), openErr))
		}
	}
	return torn, err
}

func (l *Log) open(number uint64) (*segment, error) {
	s := &segment{head: head{number: number}}
	var err error
	if s.file, err = l.fs.Open(s.name()); err != nil {
		return s, err
	}
	if s.room, err = s.file.Size(); err == nil {
		s.head, err = readHead(s.file)
	}
	if err == nil && s.number != number {
		err = fmt.Errorf("by its head it is segment %d", s.number)
	}
	if err != nil {
		s.head.number = number
		if !errors.Is(err, errHead) {
			err = errors.Join(err, s.file.Close())
		}
	}
	return s, err
}

// follow adds a segment, if it goes on where those before it end. What they have beyond that was never acknowledged.
func (l *Log) follow(s *segment) error {
	old := l.segments
	l.segments = append(slices.Clone(old), s)
	switch {
	case s.fresh:
		l.places, l.first, l.end = nil, 0, 0
		l.segments = []*segment{s}
		l.remove(old) // As was begun before a crash.
	case len(old) == 0:
		l.first, l.end = s.last+1, s.last
	case old[len(old)-1].number+1 != s.number:
		return fmt.Errorf("it follows segment %d: one between them is missing", old[len(old)-1].number)
	case l.end < s.last:
		return fmt.Errorf("it begins after entry %d, and the segment before it ends with %d: that one is damaged", s.last, l.end)
	default:
		l.cutOff(s.last)
	}
	l.write = max(l.write, s.write)
	return nil
}

// cutOff voids what is after last.
func (l *Log) cutOff(last uint64) {
	if last < l.end {
		l.places, l.end = l.places[:max(0, int64(last)-int64(l.first)+1)], last
	}
	if len(l.places) == 0 {
		l.first = l.end + 1
	}
}

// replay takes in the records of a segment. torn tells that something is behind them, or that they end in the middle of a write.
func (l *Log) replay(s *segment) (torn bool, err error) {
	clean, last, err := s.scan(l.write, func(r *record, at int64, n int) error {
		if r.kind == kindCut {
			l.cutOff(r.entry.Index - 1)
			return nil
		}
		if l.end > 0 && r.entry.Index != l.end+1 {
			return fmt.Errorf("entry %d follows entry %d", r.entry.Index, l.end)
		}
		if len(l.places) == 0 {
			l.first = r.entry.Index
		}
		l.places = append(l.places, place{segment: s, at: at, bytes: int32(n)})
		l.end = r.entry.Index
		s.newest = max(s.newest, l.end)
		return nil
	})
	l.write = max(l.write, last.write)
	return !clean || last.part+1 < last.parts, err
}
