package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// disk gives a member's directory a file system of its own with so much room.
func (r *storeRig) disk(id string, bytes int64) {
	r.t.Helper()
	if os.Geteuid() != 0 {
		r.t.Skip("mounting needs root")
	}
	dir := r.members[id].dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes)); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		r.end(id, syscall.SIGKILL)
		if err := unix.Unmount(dir, 0); err != nil {
			r.t.Error(err)
		}
	})
}

// ballast takes room on a member's disk, and gives the file that has it.
func (r *storeRig) ballast(id string, bytes int64) string {
	r.t.Helper()
	f, err := os.Create(filepath.Join(r.members[id].dir, "ballast"))
	if err == nil {
		err = errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, bytes), f.Close())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return f.Name()
}

// TestStoreDiskFull fills the disks of all members, as docs/store/disk-full.md says: writes are refused and say why, reads go on, and once there is room so do writes, without a
// restart. Nothing that was acknowledged is lost, and a restart changes nothing about it.
func TestStoreDiskFull(t *testing.T) {
	r := newStore(t, 3)
	var ballast []string
	for id := range r.members {
		// Room for one segment of the log, of 64 MiB, and not for the next.
		r.disk(id, 230<<20)
		ballast = append(ballast, r.ballast(id, 120<<20))
	}
	r.start("store-1", "store-2", "store-3")
	r.well()
	client := r.store()
	big := bytes.Repeat([]byte("x"), 4<<20)
	acked := 0
	full := func() bool { // Those of a majority; then the last one gets nothing to write any more.
		n := 0
		for _, m := range r.members {
			if strings.Contains(m.log.String(), "no space left on device") {
				n++
			}
		}
		return n > len(r.members)/2
	}
	var refused error
	said := "" // What the one was told who met the end of the room.
	for tries := 0; !full() || refused == nil; tries++ { // A leader may be lost for another reason.
		if tries > 200 {
			t.Fatalf("%d writes of 4 MiB were acknowledged: %v", acked, refused)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, refused = client.Txn(ctx, put(fmt.Sprintf("big/%03d", tries), big))
		cancel()
		if refused == nil {
			acked++
		} else if strings.Contains(refused.Error(), "no space left on device") {
			said = refused.Error()
		}
	}
	t.Logf("after %d writes: %q, then: %v", acked, said, refused)
	if said == "" {
		t.Error("no write was told that the disk is full")
	}
	if reason := raftstore.ReasonOf(refused); reason != raftstore.Unavailable && reason != raftstore.OutcomeUnknown || acked < 8 {
		t.Errorf("refused with %q after %d writes: %v", reason, acked, refused)
	}
	// Reads that are content with what a member has go on, at each of them, and none has lost anything.
	read := func(serializable bool) {
		t.Helper()
		res, err := client.Range(t.Context(), &storev1.RangeRequest{Key: []byte("big/"), RangeEnd: raftstore.Prefix([]byte("big/")), CountOnly: true, Serializable: serializable})
		if err != nil || res.Count < int64(acked) {
			t.Errorf("%d keys are there, %d were acknowledged: %v", res.GetCount(), acked, err)
		}
	}
	read(true)
	out, err := r.try("store", "check")
	if exitCode(err) != 1 {
		t.Errorf("all disks are full, and check ends with %v", err)
	}
	contains(t, "check", out, "no space left on device")
	for _, file := range ballast {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	r.well()
	w := r.write("w")
	r.more(w, 50)
	read(false)
	r.check(w)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")
	for id := range r.members {
		r.end(id, syscall.SIGKILL)
	}
	r.start("store-1", "store-2", "store-3")
	r.well()
	read(false)
	r.has(client, w.acked)
}
