package wal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/raftstore/wal"
)

func openVotes(t *testing.T, dir string) *wal.Votes {
	t.Helper()
	v, err := wal.OpenVotes(wal.Dir(dir))
	must(t, err)
	t.Cleanup(func() { v.Close() })
	return v
}

func TestVotesAreKept(t *testing.T) {
	dir := t.TempDir()
	v := openVotes(t, dir)
	if _, err := v.Get([]byte("LastVoteCand")); err == nil || err.Error() != "not found" {
		t.Errorf("Raft knows a missing key by the text of its error: %v", err)
	}
	for i := range uint64(5) {
		must(t, v.SetUint64([]byte("CurrentTerm"), i))
		must(t, v.Set([]byte("LastVoteCand"), []byte(strings.Repeat("s", int(i)+1))))
	}
	for range 2 {
		term, err := v.GetUint64([]byte("CurrentTerm"))
		who, whoErr := v.Get([]byte("LastVoteCand"))
		if err != nil || whoErr != nil || term != 4 || string(who) != "sssss" {
			t.Errorf("term %d, vote %q, %v, %v", term, who, err, whoErr)
		}
		must(t, v.Close())
		v = openVotes(t, dir)
	}
}

// TestTornVoteLeavesTheOneBefore: the place that was being written is lost, the other one counts.
func TestTornVoteLeavesTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	v := openVotes(t, dir)
	must(t, v.Set([]byte("k"), []byte("first-value")))
	must(t, v.Set([]byte("k"), []byte("second-value")))
	must(t, v.Close())
	file := filepath.Join(dir, "votes")
	damage(t, file, "second-value")
	v = openVotes(t, dir)
	if got, err := v.Get([]byte("k")); err != nil || string(got) != "first-value" {
		t.Errorf("%q, %v", got, err)
	}
	must(t, v.Close())
	damage(t, file, "first-value")
	if _, err := wal.OpenVotes(wal.Dir(dir)); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("both places damaged: %v", err)
	}
}

func TestMissingVotesBesideALogAreNamed(t *testing.T) {
	dir := t.TempDir()
	must(t, openVotes(t, dir).Close())
	must(t, open(t, dir).StoreLogs(entries(1, 1, 2)))
	must(t, os.Remove(filepath.Join(dir, "votes")))
	if _, err := wal.OpenVotes(wal.Dir(dir)); err == nil || !strings.Contains(err.Error(), "votes is missing") {
		t.Errorf("%v", err)
	}
}

func TestVotesHaveABound(t *testing.T) {
	v := openVotes(t, t.TempDir())
	must(t, v.Set([]byte("k"), []byte("v")))
	if err := v.Set([]byte("k"), bytes.Repeat([]byte("v"), 5000)); err == nil {
		t.Error("5000 bytes were taken")
	}
	if got, err := v.Get([]byte("k")); err != nil || string(got) != "v" {
		t.Errorf("%q, %v", got, err)
	}
}
