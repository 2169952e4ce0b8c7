package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

const (
	votesName  = "votes"
	votesPlace = 4096
	votesHead  = 4 + 4 + 8
)

// Votes keeps what Raft must not forget: the member's term and vote. It implements raft.StableStore.
type Votes struct {
	file File

	mu     sync.Mutex
	number uint64
	values map[string][]byte
}

var _ raft.StableStore = (*Votes)(nil)

// errNoKey is known to Raft by its text alone.
var errNoKey = errors.New("not found")

// OpenVotes opens the votes in a folder. A member that has a log has voted, so that votes which are missing beside a log are an error: without
// them it could vote twice in a term.
func OpenVotes(fs FS) (*Votes, error) {
	names, err := fs.List()
	if err != nil {
		return nil, err
	}
	v := &Votes{values: map[string][]byte{}}
	if !slices.Contains(names, votesName) {
		if slices.ContainsFunc(names, func(name string) bool { _, ok := segmentNumber(name); return ok }) {
			return nil, fmt.Errorf("the file %s is missing beside the log: this member may have voted and does not know how", votesName)
		}
		if v.file, err = fs.Create(votesName, 2*votesPlace); err != nil {
			return nil, err
		}
		return v, errors.Join(v.file.Sync(), fs.Sync())
	}
	if v.file, err = fs.Open(votesName); err != nil {
		return nil, err
	}
	if err := v.read(); err != nil {
		return nil, errors.Join(err, v.file.Close())
	}
	return v, nil
}

// read takes the newer of the two places.
func (v *Votes) read() error {
	blank := 0
	for i := range int64(2) {
		b := make([]byte, votesPlace)
		if _, err := v.file.ReadAt(b, i*votesPlace); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		length := int(binary.LittleEndian.Uint32(b))
		if zero(b) {
			blank++
			continue
		}
		if length > votesPlace-votesHead || crc32.Checksum(b[8:votesHead+length], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
			continue
		}
		if number := binary.LittleEndian.Uint64(b[8:]); number > v.number {
			values, err := parseValues(b[votesHead : votesHead+length])
			if err != nil {
				return err
			}
			v.number, v.values = number, values
		}
	}
	if v.number == 0 && blank == 0 {
		return fmt.Errorf("both places in the file %s are damaged: this member may have voted and does not know how", votesName)
	}
	return nil
}

func parseValues(b []byte) (map[string][]byte, error) {
	values := map[string][]byte{}
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, errBad
		}
		k, n := int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint16(b[2:]))
		if b = b[4:]; len(b) < k+n {
			return nil, errBad
		}
		values[string(b[:k])] = slices.Clone(b[k : k+n])
		b = b[k+n:]
	}
	return values, nil
}

// Set implements raft.StableStore: it returns when the value is on disk.
func (v *Votes) Set(key, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	values := maps.Clone(v.values)
	values[string(key)] = slices.Clone(value)
	number := v.number + 1
	b := make([]byte, votesHead, votesPlace)
	for _, k := range slices.Sorted(maps.Keys(values)) {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(k)))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(values[k])))
		b = append(append(b, k...), values[k]...)
	}
	if len(b) > votesPlace {
		return fmt.Errorf("the votes take %d bytes, and have %d", len(b), votesPlace)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-votesHead))
	binary.LittleEndian.PutUint64(b[8:], number)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	// The place of the one before the newest; when this fails it is written again, and the newest stays.
	if _, err := v.file.WriteAt(b[:votesPlace], int64(number%2)*votesPlace); err != nil {
		return err
	}
	if err := v.file.Sync(); err != nil {
		return err
	}
	v.number, v.values = number, values
	return nil
}

// Get implements raft.StableStore.
func (v *Votes) Get(key []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	value, ok := v.values[string(key)]
	if !ok {
		return nil, errNoKey
	}
	return slices.Clone(value), nil
}

// SetUint64 implements raft.StableStore.
func (v *Votes) SetUint64(key []byte, value uint64) error {
	return v.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (v *Votes) GetUint64(key []byte) (uint64, error) {
	b, err := v.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%s is no number", key)
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Close closes the file.
func (v *Votes) Close() error { return v.file.Close() }
