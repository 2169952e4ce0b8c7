package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// recordHead is length and checksum; recordFixed what every record has behind them.
	recordHead  = 8
	recordFixed = 1 + 1 + 2 + 4 + 8 + 4 + 4 + 8 + 8 + 8
	// maxRecord bounds a record: a log entry is a batch of half a MiB, or one transaction.
	maxRecord = 256 << 20
	// align is the multiple of bytes at which records begin.
	align = 8
)

const (
	kindEntry = 1
	// kindCut voids the entries from its index on.
	kindCut = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is what a log is made of.
type record struct {
	kind byte
	// write is the number of the write, part and parts the record's place in it.
	write       uint64
	part, parts uint32
	// entry is the entry; of a cut only its Index counts.
	entry raft.Log
}

// size is how many bytes a record takes with its padding.
func size(e *raft.Log) int {
	n := recordHead + recordFixed + len(e.Extensions) + len(e.Data)
	return (n + align - 1) / align * align
}

// appendRecord appends a record and its padding. The checksum begins with the segment's salt, so that nobody who does not know it can put
// something that looks like a record into a value.
func appendRecord(b []byte, salt uint32, r *record) []byte {
	begin := len(b)
	b = append(b, make([]byte, recordHead)...)
	b = append(b, r.kind, byte(r.entry.Type), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.entry.Extensions)))
	b = binary.LittleEndian.AppendUint64(b, r.write)
	b = binary.LittleEndian.AppendUint32(b, r.part)
	b = binary.LittleEndian.AppendUint32(b, r.parts)
	b = binary.LittleEndian.AppendUint64(b, r.entry.Index)
	b = binary.LittleEndian.AppendUint64(b, r.entry.Term)
	appended := int64(0)
	if !r.entry.AppendedAt.IsZero() {
		appended = r.entry.AppendedAt.UnixNano()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(appended))
	b = append(b, r.entry.Extensions...)
	b = append(b, r.entry.Data...)
	body := b[begin+recordHead:]
	binary.LittleEndian.PutUint32(b[begin:], uint32(len(body)))
	binary.LittleEndian.PutUint32(b[begin+4:], crc32.Update(salt, castagnoli, body))
	for len(b)%align != begin%align {
		b = append(b, 0)
	}
	return b
}

var (
	errEnd   = errors.New("end of the records")
	errShort = errors.New("the record goes on")
	errBad   = errors.New("no record")
)

// parseRecord reads the record that b begins with, and gives its bytes with padding. The entry shares memory with b. errShort asks for more
// bytes, as many as n says.
func parseRecord(b []byte, salt uint32, r *record) (n int, err error) {
	if len(b) < recordHead {
		return recordHead, errShort
	}
	length := int(binary.LittleEndian.Uint32(b))
	if length == 0 {
		return 0, errEnd
	}
	if length < recordFixed || length > maxRecord {
		return 0, errBad
	}
	n = (recordHead + length + align - 1) / align * align
	if len(b) < recordHead+length {
		return n, errShort
	}
	body := b[recordHead : recordHead+length]
	if crc32.Update(salt, castagnoli, body) != binary.LittleEndian.Uint32(b[4:]) {
		return 0, errBad
	}
	ext := int(binary.LittleEndian.Uint32(body[4:]))
	if ext > length-recordFixed || body[0] != kindEntry && body[0] != kindCut {
		return 0, errBad
	}
	r.kind = body[0]
	r.write = binary.LittleEndian.Uint64(body[8:])
	r.part, r.parts = binary.LittleEndian.Uint32(body[16:]), binary.LittleEndian.Uint32(body[20:])
	r.entry = raft.Log{
		Type: raft.LogType(body[1]), Index: binary.LittleEndian.Uint64(body[24:]), Term: binary.LittleEndian.Uint64(body[32:]),
	}
	if appended := int64(binary.LittleEndian.Uint64(body[40:])); appended != 0 {
		r.entry.AppendedAt = time.Unix(0, appended)
	}
	if ext > 0 {
		r.entry.Extensions = body[recordFixed : recordFixed+ext]
	}
	if rest := body[recordFixed+ext:]; len(rest) > 0 {
		r.entry.Data = rest
	}
	return n, nil
}
