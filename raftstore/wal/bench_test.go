package wal_test

import (
	"testing"

	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/wal"
)

// BenchmarkStoreLogs is one write of 64 KiB with its sync, as one that carries some dozens of transactions.
func BenchmarkStoreLogs(b *testing.B) {
	l, err := wal.Open(wal.Dir(b.TempDir()), wal.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	data := make([]byte, 64<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	index := uint64(0)
	for b.Loop() {
		index++
		if err := l.StoreLog(&raft.Log{Index: index, Term: 1, Data: data}); err != nil {
			b.Fatal(err)
		}
	}
}
