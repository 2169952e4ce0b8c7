package wal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/wal"
)

// FuzzOpen opens a segment of any bytes: it is refused, or what it holds can be read and gone on with.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	l, err := wal.Open(wal.Dir(dir), wal.Options{SegmentBytes: 4096})
	if err != nil {
		f.Fatal(err)
	}
	for i := uint64(1); i < 8; i++ {
		if err := l.StoreLogs(entries(1, i*2-1, i*2)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.DeleteRange(13, 14); err != nil {
		f.Fatal(err)
	}
	l.Close()
	seed, err := os.ReadFile(filepath.Join(dir, "0000000000000001.log"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:700])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<20 {
			return
		}
		dir := t.TempDir()
		if len(b) > 512 {
			b = wal.WithHeadChecksum(b)
		}
		if err := os.WriteFile(filepath.Join(dir, "0000000000000001.log"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := wal.Open(wal.Dir(dir), wal.Options{SegmentBytes: 4096})
		if err != nil {
			return
		}
		defer l.Close()
		first, _ := l.FirstIndex()
		last, _ := l.LastIndex()
		for i := first; i <= last && last > 0; i++ {
			var e raft.Log
			if err := l.GetLog(i, &e); err != nil || e.Index != i {
				t.Fatalf("entry %d of %d to %d: %v", i, first, last, err)
			}
		}
		if last == ^uint64(0) {
			return
		}
		if err := l.StoreLog(&raft.Log{Index: last + 1, Term: 9, Data: []byte("next")}); err != nil {
			t.Fatal(err)
		}
		var e raft.Log
		if err := l.GetLog(last+1, &e); err != nil || string(e.Data) != "next" {
			t.Fatalf("%q, %v", e.Data, err)
		}
	})
}
