package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// alarmed tells whether a member has an alarm.
func (c *cluster) alarmed(s raftstore.Store, a storev1.Alarm) bool {
	c.Helper()
	st, err := s.Status(timeout(c.T), &storev1.StatusRequest{})
	if err != nil {
		c.Fatal(err)
	}
	return slices.Contains(st.Alarms, a)
}

func deleteReq(key, end string) *storev1.TxnRequest {
	return &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte(key), RangeEnd: []byte(end)}}}}}
}

// fill puts values of a size until there is no room, and gives how many there were room for.
func (c *cluster) fill(s raftstore.Store, size, most int) int {
	c.Helper()
	for n := range most {
		_, err := s.Txn(timeout(c.T), putReq(fmt.Sprintf("fill/%05d", n), strings.Repeat("x", size)))
		if errors.Is(err, raftstore.ErrNoSpace) {
			return n
		}
		if err != nil {
			c.Fatalf("value %d: %v", n, err)
		}
	}
	c.Fatalf("there was room for %d values of %d bytes", most, size)
	return 0
}

// TestFullStoreGoesOn: at the quota nothing new gets in, and what a cluster lives by goes on: heartbeats, leases, deletes. The way back
// needs no restart, and does not lead to and fro.
func TestFullStoreGoesOn(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.QuotaBytes = 100_000 })
	client := c.client()
	heartbeat := strings.Repeat("h", 500)
	c.put(client, "heartbeat", heartbeat)
	lease, err := client.LeaseGrant(timeout(t), &storev1.LeaseGrantRequest{Ttl: durationpb.New(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	c.fill(client, 1000, 200)
	if !c.alarmed(client, storev1.Alarm_ALARM_QUOTA) {
		t.Error("a full store has no alarm")
	}
	for i := range 100 {
		c.put(client, "heartbeat", heartbeat[:len(heartbeat)-i%2]+strings.Repeat("x", i%40))
	}
	_, err = client.Txn(timeout(t), putReq("heartbeat", heartbeat+heartbeat))
	wantIs(t, err, raftstore.ErrNoSpace)
	if alive, err := client.LeaseKeepAlive(timeout(t), &storev1.LeaseKeepAliveRequest{Id: lease.Id}); err != nil || alive.Ttl.AsDuration() != time.Hour {
		t.Fatalf("a lease in a full store: %v, %v", alive, err)
	}
	_, err = client.LeaseGrant(timeout(t), &storev1.LeaseGrantRequest{Ttl: durationpb.New(time.Hour)})
	wantIs(t, err, raftstore.ErrNoSpace)
	if _, err := client.LeaseRevoke(timeout(t), &storev1.LeaseRevokeRequest{Id: lease.Id}); err != nil {
		t.Fatal(err)
	}
	// A little less is not enough, so that a store at its edge does not take one write and refuse the next.
	if _, err := client.Txn(timeout(t), deleteReq("fill/00000", "fill/00002")); err != nil {
		t.Fatal(err)
	}
	_, err = client.Txn(timeout(t), putReq("new", "x"))
	wantIs(t, err, raftstore.ErrNoSpace)
	if _, err := client.Txn(timeout(t), deleteReq("fill/00002", "fill/00010")); err != nil {
		t.Fatal(err)
	}
	c.put(client, "new", "x")
	if c.alarmed(client, storev1.Alarm_ALARM_QUOTA) {
		t.Error("the alarm stays")
	}
}

// TestFullDiskIsNotReached: writes are refused while there is room on the disk for what brings it back: deletes, a compaction and
// the snapshot that lets go of the log.
func TestFullDiskIsNotReached(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounts a tmpfs")
	}
	const size, segment = 512 << 20, 64 << 20
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", int64(size))); err != nil {
		t.Skipf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() { // After the members have ended.
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if t.Failed() {
			what, err := exec.Command("du", "-ak", disk).CombinedOutput()
			t.Logf("on the disk: %s, %v", what, err)
		}
	})
	c := newCluster(t, 1, func(cfg *raftstore.Config) {
		cfg.DataDir, cfg.TrailingEntries = disk, 1
	})
	client := c.client()
	c.put(client, "heartbeat", "1")
	for round := range 2 {
		n := c.fill(client, 1<<20, 1000)
		st, err := client.Status(timeout(t), &storev1.StatusRequest{})
		if err != nil || !slices.Contains(st.Alarms, storev1.Alarm_ALARM_DISK) || st.DiskFreeBytes >= st.DiskReserveBytes*5/4 || st.DiskFreeBytes < segment {
			t.Fatalf("round %d, full at %d values: %v, %v", round, n, st, err)
		}
		c.put(client, "heartbeat", "2")
		if _, err := client.Txn(timeout(t), deleteReq("fill/", "fill0")); err != nil {
			t.Fatalf("a delete on a full disk: %v", err)
		}
		// Past the delete, whose events have what was deleted.
		if _, err := client.Compact(timeout(t), &storev1.CompactRequest{Revision: c.put(client, "heartbeat", "3")}); err != nil {
			t.Fatal(err)
		}
		// Small writes go on, and with them snapshots, of which the last large one goes in the end.
		c.waitFor("room on the disk", func() bool {
			c.put(client, "heartbeat", fmt.Sprint(time.Now().UnixNano()%10))
			return !c.alarmed(client, storev1.Alarm_ALARM_DISK)
		})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for {
			_, err := client.Txn(ctx, putReq("new", strings.Repeat("x", 1<<20)))
			if err == nil {
				break
			}
			if !errors.Is(err, raftstore.ErrNoSpace) {
				t.Fatal(err)
			}
		}
	}
}
