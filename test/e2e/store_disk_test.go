package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// filler puts values of a size.
type filler struct {
	r     *storeRig
	store *raftstore.Client
	value []byte
	tried int
	acked []string
}

func (r *storeRig) filler(size int) *filler {
	r.t.Helper()
	return &filler{r: r, store: r.store(), value: bytes.Repeat([]byte("x"), size)}
}

// next puts one more.
func (f *filler) next() error {
	key := fmt.Sprintf("fill/%04d", f.tried)
	f.tried++
	ctx, cancel := context.WithTimeout(f.r.t.Context(), 12*time.Second) // A little longer than a member waits for a leader.
	defer cancel()
	_, err := f.store.Txn(ctx, put(key, f.value))
	if err == nil {
		f.acked = append(f.acked, key)
	}
	return err
}

// until puts until one is refused as it should be, and says how. At most so many are put.
func (f *filler) until(most int, refused func(error) bool) error {
	f.r.t.Helper()
	var last error
	for range most {
		err := f.next()
		if err != nil && refused(err) {
			f.r.t.Logf("after %d values of %d bytes, %d tried: %v", len(f.acked), len(f.value), f.tried, err)
			return err
		}
		if err != nil {
			last = err
		}
	}
	f.r.t.Fatalf("%d values of %d bytes were acknowledged, the last error was: %v", len(f.acked), len(f.value), last)
	return nil
}

// there says which of the acknowledged are not there. With stale any member's state will do that has them.
func (f *filler) there(stale bool) {
	f.r.t.Helper()
	there := map[string]bool{}
	for from := []byte("fill/"); ; {
		res, err := f.store.Range(f.r.t.Context(), &storev1.RangeRequest{Key: from, RangeEnd: raftstore.Prefix([]byte("fill/")), Limit: 500, KeysOnly: true, Serializable: stale})
		if err != nil {
			f.r.t.Errorf("reading: %v", err)
			return
		}
		for _, kv := range res.Kvs {
			there[string(kv.Key)] = true
		}
		if !res.More {
			break
		}
		from = append(res.Kvs[len(res.Kvs)-1].Key, 0)
	}
	for _, key := range f.acked {
		if !there[key] {
			f.r.t.Errorf("%s was acknowledged, and is not there", key)
		}
	}
}

// alarms waits until `kaji store status` shows a disk alarm at so many members.
func (r *storeRig) alarms(n int) {
	r.t.Helper()
	until(r.t, fmt.Sprintf("%d members have the alarm", n), func() error {
		st := r.well()
		got := 0
		for _, m := range st.Members {
			if slices.Contains(m.Alarms, "disk") {
				got++
			}
		}
		if got != n {
			return fmt.Errorf("%d have it: %+v", got, st.Members)
		}
		return nil
	})
}

// TestStoreDiskReserve fills the disks of all members up to the reserve, as docs/store/disk-full.md says. What makes the store grow is refused while there is room for what brings
// it back: deletes, compactions and the snapshots that let go of the log. Nothing is restarted.
func TestStoreDiskReserve(t *testing.T) {
	r := newStore(t, 3)
	for id, m := range r.members {
		r.disk(id, 320<<20)
		m.flags = []string{fmt.Sprintf("--disk-reserve-bytes=%d", 96<<20)}
	}
	r.start("store-1", "store-2", "store-3")
	r.well()
	f := r.filler(1 << 20)
	ctx := t.Context()
	heartbeat := func() int64 {
		t.Helper()
		res, err := f.store.Txn(ctx, put("heartbeat", []byte(time.Now().UTC().Format(time.StampNano))))
		if err != nil {
			t.Fatalf("an update of the same size: %v", err)
		}
		return res.Revision
	}
	heartbeat()
	refused := f.until(300, func(err error) bool { return raftstore.ReasonOf(err) == raftstore.NoSpace })
	contains(t, "the refusal", refused.Error(), "nearly full", "make room, or delete objects and compact")
	if len(f.acked) < 20 {
		t.Errorf("refused after %d values", len(f.acked))
	}
	// All of them tell, for people and for programs.
	r.alarms(3)
	contains(t, "status", r.kaji("store", "status"), "ALARMS", "store-1 has ", " free on its disk and keeps ", "make room, or delete objects and compact")
	out, err := r.try("store", "check")
	if exitCode(err) != 1 {
		t.Errorf("puts are refused, and check ends with %v", err)
	}
	contains(t, "check", out, "disk store-1", "problem")
	// Reads go on, and what a cluster lives by does.
	f.there(false)
	heartbeat()
	if _, err := f.store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{
		Key: []byte("fill/"), RangeEnd: []byte("fill/0020"),
	}}}}}); err != nil {
		t.Fatalf("a delete: %v", err)
	}
	f.acked = slices.DeleteFunc(f.acked, func(key string) bool { return key < "fill/0020" })
	f.there(false)
	if _, err := f.store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{
		Key: []byte("fill/0025"), RangeEnd: raftstore.Prefix([]byte("fill/")),
	}}}}}); err != nil {
		t.Fatalf("a delete: %v", err)
	}
	f.acked = slices.DeleteFunc(f.acked, func(key string) bool { return key >= "fill/0025" })
	r.kaji("store", "compact", fmt.Sprint(heartbeat()))
	// That is enough: the alarms end, and puts go on.
	until(t, "the alarms end", func() error {
		heartbeat() // Each snapshot lets go of the log before the last but one.
		st := r.well()
		for _, m := range st.Members {
			if len(m.Alarms) > 0 {
				return fmt.Errorf("%+v", st.Members)
			}
		}
		return nil
	})
	until(t, "puts go on", f.next)
	f.there(false)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1, store-2, store-3")
	for id, m := range r.members {
		if log := m.log.String(); strings.Contains(log, "no space left on device") {
			t.Errorf("%s met the end of its disk", id)
		}
	}
}

// TestStoreDiskFull fills the disk of a store that keeps no reserve. Writes fail, and say why; reads that are content with what there is go on; and once there is room so do writes,
// without a restart. Nothing that was acknowledged is lost, and a restart changes nothing about it.
func TestStoreDiskFull(t *testing.T) {
	r := newStore(t, 1)
	// Room for one segment of the log, of 64 MiB, and not for the next.
	r.disk("store-1", 256<<20)
	r.members["store-1"].flags = []string{"--disk-reserve-bytes=-1"}
	ballast := r.ballast("store-1", 160<<20)
	r.start("store-1")
	r.well()
	f := r.filler(4 << 20)
	f.until(40, func(err error) bool { return strings.Contains(err.Error(), "no space left on device") })
	if len(f.acked) < 8 {
		t.Errorf("refused after %d values", len(f.acked))
	}
	if err := f.next(); err == nil {
		t.Error("a write to a full disk was acknowledged")
	} else {
		t.Logf("the next: %v", err)
	}
	f.there(true)
	out, err := r.try("store", "check")
	if exitCode(err) != 1 {
		t.Errorf("the disk is full, and check ends with %v", err)
	}
	contains(t, "check", out, "cannot write its log", "no space left on device")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.well()
	w := r.write("w")
	r.more(w, 50)
	f.there(false)
	r.check(w)
	contains(t, "check", r.kaji("store", "check"), "the same on store-1")
	r.end("store-1", syscall.SIGKILL)
	r.start("store-1")
	r.well()
	f.there(false)
	r.has(f.store, w.acked)
}

// TestStoreDiskFullOne fills the disk of one member of three, which leads and keeps no reserve: the others go on, and it catches up once it has room.
func TestStoreDiskFullOne(t *testing.T) {
	r := newStore(t, 3)
	for _, m := range r.members {
		m.flags = []string{"--disk-reserve-bytes=-1"}
	}
	small := r.members["store-1"]
	r.disk(small.id, 256<<20)
	ballast := r.ballast(small.id, 160<<20)
	r.start("store-1", "store-2", "store-3")
	r.well()
	r.kaji("store", "move-leader", small.id)
	f := r.filler(4 << 20)
	until(t, "its disk is full", func() error {
		if f.tried > 60 {
			t.Fatalf("%d values were acknowledged", len(f.acked))
		}
		err := f.next()
		if !strings.Contains(small.log.String(), "no space left on device") {
			return fmt.Errorf("it is not; the last write: %v", err)
		}
		return nil
	})
	// Acknowledged by the others.
	w := r.write("w")
	r.more(w, 50)
	f.there(false)
	until(t, "its status says why it lags", func() error {
		out, err := r.try("store", "status")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if !strings.Contains(out, "store-1 cannot write its log: ") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	r.well()
	r.more(w, 50)
	r.check(w)
	f.there(false)
	until(t, "it has caught up", func() error {
		out, err := r.try("store", "check")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		if !strings.Contains(out, "the same on store-1, store-2, store-3") {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}
