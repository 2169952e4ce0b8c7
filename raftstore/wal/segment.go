package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

const (
	// headBytes is the room of a segment's head: what a disk writes whole.
	headBytes = 512
	magic     = "KAJILOG\x01"
	suffix    = ".log"
)

// errHead: the head was never written whole.
var errHead = errors.New("the segment has no head")

// head begins a segment.
type head struct {
	number uint64
	// last is the last index of the log when the segment began: what is after it in earlier segments is void.
	last uint64
	// fresh: everything before this segment is void, and the log begins anew at whatever index comes first.
	fresh bool
	// write is the number of the last write before the segment.
	write uint64
	// salt begins the checksums of its records.
	salt uint32
}

func (h head) bytes() []byte {
	b := append(make([]byte, 0, headBytes), magic...)
	b = binary.LittleEndian.AppendUint64(b, h.number)
	b = binary.LittleEndian.AppendUint64(b, h.last)
	b = binary.LittleEndian.AppendUint64(b, h.write)
	fresh := uint32(0)
	if h.fresh {
		fresh = 1
	}
	b = binary.LittleEndian.AppendUint32(b, fresh)
	b = binary.LittleEndian.AppendUint32(b, h.salt)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:headBytes]
}

func readHead(f File) (h head, err error) {
	var b [headBytes]byte
	if n, err := f.ReadAt(b[:], 0); err != nil && (!errors.Is(err, io.EOF) || n < headBytes) {
		if errors.Is(err, io.EOF) {
			err = errHead
		}
		return h, err
	}
	end := len(magic) + 3*8 + 2*4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return h, errHead
	}
	if string(b[:len(magic)-1]) == magic[:len(magic)-1] && b[len(magic)-1] != magic[len(magic)-1] {
		return h, fmt.Errorf("the segment has format %d, and this version reads %d", b[len(magic)-1], magic[len(magic)-1])
	}
	if string(b[:len(magic)]) != magic {
		return h, errHead
	}
	rest := b[len(magic):]
	h.number, h.last, h.write = binary.LittleEndian.Uint64(rest), binary.LittleEndian.Uint64(rest[8:]), binary.LittleEndian.Uint64(rest[16:])
	h.fresh, h.salt = binary.LittleEndian.Uint32(rest[24:]) == 1, binary.LittleEndian.Uint32(rest[28:])
	return h, nil
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, suffix) }

// segmentNumber is the number in a file's name, if it is a segment's.
func segmentNumber(name string) (uint64, bool) {
	base, ok := strings.CutSuffix(name, suffix)
	if !ok || len(base) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(base, 16, 64)
	return n, err == nil
}

// segment is one file of the log.
type segment struct {
	head
	file File
	// end is where the next record goes.
	end int64
	// room is how large the file is.
	room int64
	// newest is the highest index of an entry in it.
	newest uint64
}

func (s *segment) name() string { return segmentName(s.number) }

// zeroBlock is how much is looked at at once for zeros.
const zeroBlock = 4096

// scanChunk is how much of a segment is read at a time.
const scanChunk = 1 << 20

// scan reads the records of a segment from its beginning. take is told of each with its place. It sets end behind the last one,
// and tells whether what follows is nothing but zeros. A record that cannot be read before others that were written later is an error.
func (s *segment) scan(write uint64, take func(r *record, at int64, n int) error) (clean bool, last record, err error) {
	s.end = headBytes
	last = record{write: write}
	w := window{file: s.file, size: s.room}
	for {
		b, err := w.at(s.end, recordHead)
		if err != nil {
			return false, last, err
		}
		var r record
		n, perr := parseRecord(b, s.salt, &r)
		if errors.Is(perr, errShort) && s.end+int64(n) <= s.room {
			if b, err = w.at(s.end, n); err != nil {
				return false, last, err
			}
			n, perr = parseRecord(b, s.salt, &r)
		}
		if perr != nil {
			clean, err := s.rest(&w, last)
			return clean, last, err
		}
		if err := take(&r, s.end, n); err != nil {
			return false, last, fmt.Errorf("%s at %d: %w", s.name(), s.end, err)
		}
		s.end += int64(n)
		r.entry.Data, r.entry.Extensions = nil, nil
		last = r
	}
}

// rest looks at what is behind the last record that can be read. Records of later writes than the one that ends there mean that it had been
// finished, and was damaged since.
func (s *segment) rest(w *window, last record) (clean bool, err error) {
	torn := last.write + 1
	if last.part+1 < last.parts {
		torn = last.write
	}
	clean = true
	for at := s.end; at < s.room; at += align {
		b, err := w.at(at, recordHead)
		if err != nil {
			return false, err
		}
		for len(b) >= zeroBlock && zero(b[:zeroBlock]) { // Most of what is left, mostly.
			at, b = at+zeroBlock, b[zeroBlock:]
		}
		if len(b) == 0 && at < s.room {
			at -= align // The window ends here; the next one begins here.
			continue
		}
		if zero(b[:min(align, len(b))]) {
			continue
		}
		clean = false
		var r record
		n, perr := parseRecord(b, s.salt, &r)
		if errors.Is(perr, errShort) && at+int64(n) <= s.room {
			if b, err = w.at(at, n); err != nil {
				return false, err
			}
			_, perr = parseRecord(b, s.salt, &r)
		}
		if perr == nil && r.write > torn {
			return false, fmt.Errorf("%s is damaged at %d: what was written after it, at %d, can be read", s.name(), s.end, at)
		}
	}
	return clean, nil
}

// blank tells whether a segment holds nothing behind its head.
func (s *segment) blank() (bool, error) {
	w := window{file: s.file, size: s.room}
	for at := int64(headBytes); at < s.room; {
		b, err := w.at(at, 1)
		if err != nil || len(b) == 0 || !zero(b) {
			return err == nil && len(b) == 0, err
		}
		at += int64(len(b))
	}
	return true, nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// window is a part of a file in memory.
type window struct {
	file  File
	size  int64
	begin int64
	b     []byte
}

// at gives the file from at on: at least n bytes, unless it ends before.
func (w *window) at(at int64, n int) ([]byte, error) {
	if at >= w.begin && at+int64(n) <= w.begin+int64(len(w.b)) {
		return w.b[at-w.begin:], nil
	}
	want := min(int64(max(n, scanChunk)), w.size-at)
	if want <= 0 {
		return nil, nil
	}
	if int64(cap(w.b)) < want {
		w.b = make([]byte, want)
	}
	w.b = w.b[:want]
	w.begin = at
	got, err := w.file.ReadAt(w.b, at)
	w.b = w.b[:got]
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return w.b, err
}
