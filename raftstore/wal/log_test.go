package wal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"kaji.dev/kaji/raftstore/wal"
)

// entries are entries of a term, each with a text of its own.
func entries(term, from, to uint64) (list []*raft.Log) {
	for i := from; i <= to; i++ {
		list = append(list, &raft.Log{Index: i, Term: term, Type: raft.LogCommand, Data: fmt.Appendf(nil, "%d/%d %s", term, i, strings.Repeat("x", int(i%50))), Extensions: []byte{byte(i)}})
	}
	return list
}

func open(t *testing.T, dir string) *wal.Log {
	t.Helper()
	l, err := wal.Open(wal.Dir(dir), wal.Options{SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// reopened closes a log and opens it again.
func reopened(t *testing.T, l *wal.Log, dir string) *wal.Log {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds checks that a log is just these entries.
func holds(t *testing.T, l *wal.Log, want []*raft.Log) {
	t.Helper()
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	if len(want) == 0 {
		if first != 0 || last != 0 {
			t.Errorf("holds %d to %d, want nothing", first, last)
		}
		return
	}
	if first > want[0].Index || last != want[len(want)-1].Index {
		t.Errorf("holds %d to %d, want %d to %d", first, last, want[0].Index, want[len(want)-1].Index)
	}
	for _, e := range want {
		var got raft.Log
		if err := l.GetLog(e.Index, &got); err != nil {
			t.Errorf("entry %d: %v", e.Index, err)
		} else if got.Index != e.Index || got.Term != e.Term || got.Type != e.Type || !bytes.Equal(got.Data, e.Data) || !bytes.Equal(got.Extensions, e.Extensions) {
			t.Errorf("entry %d is %+v, want %+v", e.Index, got, e)
		}
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	must(t, err)
	return names
}

func TestLogKeepsWhatItIsGiven(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	holds(t, l, nil)
	all := entries(1, 1, 400)
	for i := 0; i < len(all); i += 5 {
		must(t, l.StoreLogs(all[i:i+5]))
	}
	holds(t, l, all)
	if n := len(segments(t, dir)); n < 5 {
		t.Errorf("%d segments", n)
	}
	l = reopened(t, l, dir)
	holds(t, l, all)
	must(t, l.StoreLog(entries(1, 401, 401)[0]))
	holds(t, reopened(t, l, dir), entries(1, 1, 401))
}

func TestEntriesAreCutOffAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	must(t, l.StoreLogs(entries(1, 1, 100)))
	must(t, l.DeleteRange(91, 100))
	must(t, l.DeleteRange(60, 90))
	want := append(entries(1, 1, 59), entries(2, 60, 130)...)
	must(t, l.StoreLogs(want[59:]))
	holds(t, l, want)
	holds(t, reopened(t, l, dir), want)
}

func TestEntriesAreDeletedAtTheBeginning(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for i := uint64(1); i <= 400; i += 4 {
		must(t, l.StoreLogs(entries(1, i, i+3)))
	}
	before := len(segments(t, dir))
	must(t, l.DeleteRange(1, 390))
	var gone raft.Log
	if err := l.GetLog(390, &gone); err != raft.ErrLogNotFound {
		t.Errorf("a deleted entry: %v", err)
	}
	holds(t, l, entries(1, 391, 400))
	if n := len(segments(t, dir)); n > 2 {
		t.Errorf("%d of %d segments stay", n, before)
	}
	l = reopened(t, l, dir)
	holds(t, l, entries(1, 391, 400))
	must(t, l.DeleteRange(1, 390)) // Those that came back.
	must(t, l.StoreLogs(entries(1, 401, 410)))
	holds(t, reopened(t, l, dir), entries(1, 391, 410))
}

// TestSnapshotLeavesAGap: after a snapshot from the leader a log goes on far behind its end, whether Raft could empty it before or not.
func TestSnapshotLeavesAGap(t *testing.T) {
	for _, emptied := range []bool{true, false} {
		dir := t.TempDir()
		l := open(t, dir)
		must(t, l.StoreLogs(entries(1, 1, 100)))
		if emptied {
			must(t, l.DeleteRange(1, 100))
			holds(t, l, nil)
			l = reopened(t, l, dir)
			holds(t, l, nil)
		}
		must(t, l.StoreLogs(entries(3, 5000, 5010)))
		holds(t, l, entries(3, 5000, 5010))
		l = reopened(t, l, dir)
		holds(t, l, entries(3, 5000, 5010))
		if n := len(segments(t, dir)); n != 1 {
			t.Errorf("%d segments", n)
		}
	}
}

func TestOutOfOrderIsRefused(t *testing.T) {
	l := open(t, t.TempDir())
	must(t, l.StoreLogs(entries(1, 1, 10)))
	if err := l.StoreLogs(entries(1, 10, 11)); err == nil {
		t.Error("an index that is there already")
	}
	if err := l.StoreLogs([]*raft.Log{entries(1, 11, 11)[0], entries(1, 13, 13)[0]}); err == nil {
		t.Error("a gap within a write")
	}
	if err := l.DeleteRange(4, 6); err == nil {
		t.Error("a deletion in the middle")
	}
	must(t, l.StoreLogs(entries(1, 11, 12)))
	holds(t, l, entries(1, 1, 12))
}

// TestTornEndIsForgotten: the last write was not finished; the log goes on in a new segment and the rest of it is never looked at again.
func TestTornEndIsForgotten(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	must(t, l.StoreLogs(entries(1, 1, 3)))
	must(t, l.StoreLogs(entries(1, 4, 6)))
	must(t, l.Close())
	damage(t, segments(t, dir)[0], "1/6")
	l = open(t, dir)
	holds(t, l, entries(1, 1, 5))
	must(t, l.StoreLogs(entries(2, 6, 9)))
	want := append(entries(1, 1, 5), entries(2, 6, 9)...)
	holds(t, reopened(t, l, dir), want)
}

// TestDamageIsNamed: what was acknowledged and cannot be read is no torn end.
func TestDamageIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		last    uint64
		at      string
		segment int
	}{
		"in the last segment, with later writes behind it": {20, "1/10 ", 0},
		"at the end of a segment that others follow":       {200, "1/40 ", 0},
	} {
		dir := t.TempDir()
		l := open(t, dir)
		for i := uint64(1); i <= c.last; i++ {
			must(t, l.StoreLog(entries(1, i, i)[0]))
		}
		must(t, l.Close())
		file := segments(t, dir)[c.segment]
		damage(t, file, c.at)
		_, err := wal.Open(wal.Dir(dir), wal.Options{SegmentBytes: 4096})
		if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), ".log") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingSegmentIsNamed(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for i := uint64(1); i <= 200; i++ {
		must(t, l.StoreLog(entries(1, i, i)[0]))
	}
	must(t, l.Close())
	must(t, os.Remove(segments(t, dir)[1]))
	if _, err := wal.Open(wal.Dir(dir), wal.Options{}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("%v", err)
	}
}

func TestLaterFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	must(t, l.StoreLogs(entries(1, 1, 3)))
	must(t, l.Close())
	file := segments(t, dir)[0]
	b, err := os.ReadFile(file)
	must(t, err)
	b[7] = 9 // And a good checksum, as a later version would write it.
	must(t, os.WriteFile(file, wal.WithHeadChecksum(b), 0o600))
	if _, err := wal.Open(wal.Dir(dir), wal.Options{}); err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("%v", err)
	}
}

// damage changes a byte of a text in a file.
func damage(t *testing.T, file, text string) {
	t.Helper()
	b, err := os.ReadFile(file)
	must(t, err)
	i := bytes.Index(b, []byte(text))
	if i < 0 {
		t.Fatalf("%q is not in %s", text, file)
	}
	b[i] ^= 1
	must(t, os.WriteFile(file, b, 0o600))
}
