package raftstore

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// TestLogReopensAfterItsEndWasCutOff: a follower cuts off entries that were never committed, and is started again.
func TestLogReopensAfterItsEndWasCutOff(t *testing.T) {
	dir := t.TempDir()
	open := func() *disk {
		t.Helper()
		d, err := openDisk(dir, hclog.NewNullLogger())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	entries := func(term, from, to uint64) (logs []*raft.Log) {
		for i := from; i <= to; i++ {
			logs = append(logs, &raft.Log{Index: i, Term: term, Type: raft.LogCommand, Data: fmt.Appendf(nil, "%d/%d", term, i)})
		}
		return logs
	}
	d := open()
	if err := d.log.StoreLogs(entries(1, 1, 10)); err != nil {
		t.Fatal(err)
	}
	if err := d.log.DeleteRange(8, 10); err != nil {
		t.Fatal(err)
	}
	if err := d.log.StoreLogs(entries(2, 8, 12)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		d = open()
		for i := uint64(1); i <= 12; i++ {
			term := uint64(1)
			if i >= 8 {
				term = 2
			}
			var entry raft.Log
			if err := d.log.GetLog(i, &entry); err != nil || string(entry.Data) != fmt.Sprintf("%d/%d", term, i) {
				t.Fatalf("entry %d: %q, %v", i, entry.Data, err)
			}
		}
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoryOfAnEarlierVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, oldLogDir), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := openDisk(dir, hclog.NewNullLogger()); err == nil || !strings.Contains(err.Error(), "earlier version") {
		t.Errorf("%v", err)
	}
}
