package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// description is what `kaji store snapshot status -o json` tells.
type description struct {
	Revision, Keys, Bytes int64
	SHA256                string
}

func (r *storeRig) describe(file string) (d description) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.kaji("store", "snapshot", "status", file, "-o", "json")), &d); err != nil {
		r.t.Fatal(err)
	}
	return d
}

// TestStoreBackup saves a copy while writes go on, restores it into the same store and begins a new one with it, as docs/store/backup.md and restore.md say.
func TestStoreBackup(t *testing.T) {
	r := newStore(t, 3)
	r.start("store-1", "store-2", "store-3")
	r.well()
	w := r.write("w")
	r.more(w, 300)
	backups := filepath.Join(r.dir, "backups")
	if err := os.Mkdir(backups, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(backups, "one.snapshot")
	before := w.count() // All of these are in the copy.
	contains(t, "save", r.kaji("store", "snapshot", "save", file), "one.snapshot: revision", "keys")
	r.more(w, 100)
	w.stop()
	d := r.describe(file)
	if d.Keys < int64(before) || d.Keys > int64(len(w.acked))+1 {
		t.Errorf("%d keys in the copy; %d had been written before it, %d in all", d.Keys, before, len(w.acked))
	}
	contains(t, "status", r.kaji("store", "snapshot", "status", file), "SHA256", d.SHA256, fmt.Sprint(d.Keys))

	// What has the name is whole, always.
	r.refuses("is there already", "store", "snapshot", "save", file)
	r.kaji("store", "snapshot", "save", file, "--overwrite")
	if r.describe(file).Keys != int64(len(w.acked)) {
		t.Errorf("the second copy has %d keys, the store %d", r.describe(file).Keys, len(w.acked))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out := r.kaji("store", "snapshot", "save", "-"); out != string(b) {
		t.Errorf("standard output got %d bytes, the file %d", len(out), len(b))
	}
	for name, damaged := range map[string][]byte{
		"cut":     b[:len(b)-40],
		"flipped": append(append(bytes.Clone(b[:len(b)/2]), b[len(b)/2]^1), b[len(b)/2+1:]...),
		"longer":  append(bytes.Clone(b), 0),
	} {
		bad := filepath.Join(r.dir, name)
		if err := os.WriteFile(bad, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		r.refuses(bad, "store", "snapshot", "status", bad)
		r.refuses(bad, "store", "snapshot", "restore", bad, "--yes")
	}

	// Back to the copy, in the same store.
	client := r.store()
	want := r.keys(client, "w/")
	late := r.write("late")
	r.more(late, 50)
	late.stop()
	revision := r.well().Members[0].Revision
	if out, err := r.tryIn("no\n", "store", "snapshot", "restore", file); err == nil || !strings.Contains(out, "nothing was done") {
		t.Errorf("answered no: %v\n%s", err, out)
	}
	if n := len(r.keys(client, "late/")); n < 50 {
		t.Errorf("answered no, and %d keys are left", n)
	}
	out, err := r.tryIn("yes\n", "store", "snapshot", "restore", file)
	if err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	contains(t, "restore", out, "goes on from revision")
	if got := r.keys(client, "w/"); !maps.Equal(got, want) {
		t.Errorf("%d keys after restoring, %d before", len(got), len(want))
	}
	if n := len(r.keys(client, "late/")); n > 0 {
		t.Errorf("%d keys are later than the copy", n)
	}
	for _, m := range r.well().Members {
		if m.Revision <= revision {
			t.Errorf("%s is at revision %d, and was at %d", m.ID, m.Revision, revision)
		}
	}
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")
	again := r.write("again")
	r.more(again, 50)
	r.check(again)

	// A store that cannot be asked leaves no file behind.
	for id := range r.members {
		r.end(id, syscall.SIGTERM)
	}
	r.refuses("", "store", "snapshot", "save", filepath.Join(backups, "none"), "--timeout=3s")
	if left, err := os.ReadDir(backups); err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}

	// A new store, each of whose members begins with the copy.
	initial := r.members["store-1"].initial
	r.refuses("is not empty", "store", "snapshot", "restore", file, "--data-dir", r.members["store-1"].dir, "--id=store-1", "--initial-members="+initial)
	for id, m := range r.members {
		m.dir = filepath.Join(r.dir, "new", id)
		out := r.kaji("store", "snapshot", "restore", file, "--data-dir", m.dir, "--id="+id, "--initial-members="+initial)
		contains(t, "restore", out, "is the directory of member "+id)
		contains(t, "check of a new directory", r.kaji("store", "check", "--data-dir", m.dir), "snapshot", "ok")
		r.start(id)
	}
	for _, m := range r.well().Members {
		if m.Revision <= d.Revision {
			t.Errorf("%s begins at revision %d, the copy was taken at %d", m.ID, m.Revision, d.Revision)
		}
	}
	if got := r.keys(client, "w/"); !maps.Equal(got, want) {
		t.Errorf("%d keys in the new store, %d in the old one", len(got), len(want))
	}
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")
	again = r.write("again")
	r.more(again, 50)
	r.check(again)
	r.end(r.well().Leader, syscall.SIGKILL)
	last := r.write("last")
	r.more(last, 50)
	r.check(last)
}
