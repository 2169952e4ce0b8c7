package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// WithHeadChecksum makes a segment's head good again after it was changed.
func WithHeadChecksum(b []byte) []byte {
	end := len(magic) + 3*8 + 2*4
	binary.LittleEndian.PutUint32(b[end:], crc32.Checksum(b[:end], castagnoli))
	return b
}
