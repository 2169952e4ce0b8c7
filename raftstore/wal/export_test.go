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

// WithVotesChecksums makes the places of a file of votes good after they were changed.
func WithVotesChecksums(b []byte) []byte {
	for at := 0; at+votesPlace <= len(b); at += votesPlace {
		place := b[at : at+votesPlace]
		if n := int(binary.LittleEndian.Uint32(place)); n <= votesPlace-votesHead {
			binary.LittleEndian.PutUint32(place[4:], crc32.Checksum(place[8:votesHead+n], castagnoli))
		}
	}
	return b
}
