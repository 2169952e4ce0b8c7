package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// segments are the files of a member's log, in order.
func (m *member) segments(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(m.dir, "log", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("segments: %v, %v", files, err)
	}
	slices.Sort(files)
	return files
}

// used is where the records of a segment end: behind it are zeros only.
func used(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return len(bytes.TrimRight(b, "\x00"))
}

// scribble writes over a part of a file.
func scribble(t *testing.T, path string, at int, what []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(what, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// TestStoreDamagedLog damages the log of a member as docs/store/corruption.md says. An end that was torn off in the middle of a write is gone over; damage before the end is named with
// file and offset, by the member, which does not start, and by the check; and the member is replaced.
func TestStoreDamagedLog(t *testing.T) {
	r := newStore(t, 3)
	r.start("store-1", "store-2", "store-3")
	r.well()
	w := r.write("w")
	r.more(w, 200)
	w.stop()
	victim := r.members["store-3"]
	r.end(victim.id, syscall.SIGKILL)

	// A write that had got to the disk in part: the head of a record that says there is more, and some of it.
	log := victim.segments(t)
	newest := log[len(log)-1]
	end := (used(t, newest) + 7) / 8 * 8
	scribble(t, newest, end, append(binary.LittleEndian.AppendUint32(nil, 500), bytes.Repeat([]byte("torn"), 20)...))
	contains(t, "check", r.kaji("store", "check", "--data-dir", victim.dir), "ends with a write that was not finished")
	r.start(victim.id)
	r.well()
	contains(t, "log", victim.log.String(), "the log ends with a write that was not finished")
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")

	// What had been acknowledged, and other things after it.
	r.end(victim.id, syscall.SIGKILL)
	damaged := victim.segments(t)[0]
	middle := used(t, damaged) / 2
	b, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	scribble(t, damaged, middle, []byte{b[middle] ^ 0xff, b[middle+1] ^ 0xff, b[middle+2] ^ 0xff})
	r.start(victim.id)
	if code := r.ended(victim.id); code == 0 {
		t.Error("a member with a damaged log ended with 0")
	}
	out, err := r.try("store", "check", "--data-dir", victim.dir)
	if exitCode(err) != 1 {
		t.Errorf("check of a damaged directory: %v", err)
	}
	for what, text := range map[string]string{"log of the member": victim.log.String(), "check": out} {
		contains(t, what, text, filepath.Base(damaged)+" is damaged at ", "can be read")
	}
	contains(t, "check", out, "remove it from the store and add one under a new id")
	r.refuses("the directory is damaged", "store", "recover", "--data-dir", victim.dir, "--yes")

	r.replace(victim, "store-4")
	more := r.write("more")
	r.more(more, 50)
	r.check(more)
	r.has(r.store(), w.acked)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-4")
}

// replace puts a member out and lets one in under a new id.
func (r *storeRig) replace(m *member, id string) {
	r.t.Helper()
	m.cmd = nil
	r.kaji("store", "remove", m.id)
	n := r.member(id, port(m.address)+10)
	r.kaji("store", "add", id, n.address, "--certificate-dir", r.pki(), "--tls-dir", r.pki())
	r.start(id)
	r.kaji("store", "promote", id)
	r.well()
}

// TestStoreDamagedSnapshot: a member goes on from the snapshot before a damaged one, and loses nothing; with both damaged it does not start, and is replaced.
func TestStoreDamagedSnapshot(t *testing.T) {
	r := newStore(t, 3)
	for _, m := range r.members {
		m.flags = []string{"--snapshot-entries=100", "--trailing-entries=10"}
	}
	r.start("store-1", "store-2", "store-3")
	r.well()
	w := r.write("w")
	victim := r.members["store-3"]
	snapshots := func() []string {
		found, err := filepath.Glob(filepath.Join(victim.dir, "snapshots", "*[0-9]", "state.bin"))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(found, func(a, b string) int { return strings.Compare(stamp(b), stamp(a)) })
		return found
	}
	until(t, "two snapshots are there", func() error {
		if n := len(snapshots()); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	r.end(victim.id, syscall.SIGKILL)
	files := snapshots()
	spoil := func(file string) {
		scribble(t, file, used(t, file)/2, []byte("damage"))
	}
	spoil(files[0])
	contains(t, "check", r.kaji("store", "check", "--data-dir", victim.dir), "is damaged: "+files[0], "the member starts from the older snapshot and the log after it")
	r.start(victim.id)
	r.well()
	contains(t, "log", victim.log.String(), "the newest snapshot is damaged")
	r.more(w, 50)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")

	r.end(victim.id, syscall.SIGKILL)
	for _, file := range snapshots() {
		spoil(file)
	}
	r.start(victim.id)
	if code := r.ended(victim.id); code == 0 {
		t.Error("a member without a good snapshot ended with 0")
	}
	out, err := r.try("store", "check", "--data-dir", victim.dir)
	if exitCode(err) != 1 {
		t.Errorf("check of a damaged directory: %v", err)
	}
	contains(t, "check", out, "is damaged: "+victim.dir, "cannot start from this")
	r.replace(victim, "store-4")
	r.check(w)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-4")
}

// stamp is the time in the name of a snapshot's folder.
func stamp(state string) string {
	name := filepath.Base(filepath.Dir(state))
	return name[strings.LastIndexByte(name, '-')+1:]
}
