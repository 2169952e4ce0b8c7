package wal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"kaji.dev/kaji/raftstore/wal"
)

// FuzzVotes opens a file of votes of any bytes: it is refused, or it can be gone on with. So that the fuzzer gets past the
// checksums, both places are also given ones that fit.
func FuzzVotes(f *testing.F) {
	dir := f.TempDir()
	v, err := wal.OpenVotes(wal.Dir(dir))
	if err != nil {
		f.Fatal(err)
	}
	for term := range uint64(3) {
		if err := v.SetUint64([]byte("CurrentTerm"), term); err != nil {
			f.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		f.Fatal(err)
	}
	seed, err := os.ReadFile(filepath.Join(dir, "votes"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, true)
	f.Add(seed[:4096], false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, complete bool) {
		if len(b) > 1<<16 {
			return
		}
		dir := t.TempDir()
		if complete {
			b = wal.WithVotesChecksums(bytes.Clone(b))
		}
		if err := os.WriteFile(filepath.Join(dir, "votes"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := wal.OpenVotes(wal.Dir(dir))
		if err != nil {
			return
		}
		before, beforeErr := v.Get([]byte("LastVoteCand"))
		if err := v.SetUint64([]byte("CurrentTerm"), 7); err != nil {
			return // More values than there is room for; none of Raft's.
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if v, err = wal.OpenVotes(wal.Dir(dir)); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		defer v.Close()
		term, err := v.GetUint64([]byte("CurrentTerm"))
		after, afterErr := v.Get([]byte("LastVoteCand"))
		if err != nil || term != 7 || !bytes.Equal(before, after) || (beforeErr == nil) != (afterErr == nil) {
			t.Fatalf("term %d (%v), vote %q (%v), before %q (%v)", term, err, after, afterErr, before, beforeErr)
		}
	})
}
