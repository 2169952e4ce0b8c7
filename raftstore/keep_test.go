package raftstore_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// flip changes a byte in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// snapshotFiles are the states on a member's disk, the newest first.
func snapshotFiles(t *testing.T, dir string) []string {
	t.Helper()
	d, err := raftstore.Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range d.Snapshots {
		out = append(out, s.Path)
	}
	return out
}

// TestDamagedSnapshot: the only member of a store goes on from the snapshot before a damaged one and the log after it, and loses nothing,
// however much of the log Raft would have had forgotten. When that does not work either, it does not start, and says why.
func TestDamagedSnapshot(t *testing.T) {
	c := newCluster(t, 1, func(cfg *raftstore.Config) { cfg.TrailingEntries = 1 })
	nd := c.leader()
	dir := filepath.Join(c.dir, nd.id)
	for i := range 60 {
		c.put(nd, fmt.Sprintf("k%02d", i), "x")
		if i%20 == 19 {
			if err := nd.ForceSnapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	st, err := nd.Status(timeout(t), &storev1.StatusRequest{})
	if err != nil || st.SnapshotIndex == 0 || st.SnapshotTime == nil {
		t.Fatalf("%v, %v", st, err)
	}
	c.put(nd, "last", "x")
	c.kill(nd)
	files := snapshotFiles(t, dir)
	if len(files) != 2 {
		t.Fatalf("snapshots: %v", files)
	}
	flip(t, files[0])
	d, err := raftstore.Inspect(dir)
	if err != nil || !d.Usable || len(d.Damage()) != 1 || d.Snapshots[0].Err == nil || d.Snapshots[1].Err != nil {
		t.Fatalf("%+v, %v", d, err)
	}
	c.run(nd, c.listen(nd.address))
	c.leader()
	st, err = nd.Status(timeout(t), &storev1.StatusRequest{})
	if err != nil || st.Keys != 61 {
		t.Fatalf("%v, %v", st, err)
	}
	c.kill(nd)

	// The one before is damaged too.
	for _, file := range snapshotFiles(t, dir)[1:] {
		flip(t, file)
	}
	if d, err := raftstore.Inspect(dir); err != nil || d.Usable {
		t.Fatalf("%+v, %v", d, err)
	}
	cfg := c.config(nd)
	cfg.Listener = c.listen(nd.address)
	defer cfg.Listener.Close()
	if _, err := raftstore.Open(cfg, c.log(nd.id)); err == nil {
		t.Fatal("started from nothing")
	}
}

// TestDamagedSnapshotOfARestore: a snapshot that no log leads to has nothing before it to go on from. What was acknowledged would be gone.
func TestDamagedSnapshotOfARestore(t *testing.T) {
	c := newCluster(t, 1, nil)
	nd := c.leader()
	c.put(nd, "before", "1")
	if err := nd.ForceSnapshot(); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	client := c.client()
	if _, err := client.Snapshot(timeout(t), &copied); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Restore(timeout(t), &copied); err != nil {
		t.Fatal(err)
	}
	c.kill(nd)
	dir := filepath.Join(c.dir, nd.id)
	flip(t, snapshotFiles(t, dir)[0])
	if d, err := raftstore.Inspect(dir); err != nil || d.Usable {
		t.Fatalf("%+v, %v", d, err)
	}
	cfg := c.config(nd)
	cfg.Listener = c.listen(nd.address)
	defer cfg.Listener.Close()
	if _, err := raftstore.Open(cfg, c.log(nd.id)); err == nil {
		t.Fatal("went back to before the restore")
	}
}

// TestInspectChangesNothing: the directory of a member that does not run is the same after a look.
func TestInspectChangesNothing(t *testing.T) {
	c := newCluster(t, 1, nil)
	nd := c.leader()
	for range 20 {
		c.put(nd, "k", "x")
	}
	if err := nd.ForceSnapshot(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.dir, nd.id)
	if _, err := raftstore.Inspect(dir); err == nil {
		t.Fatal("looked into the directory of a member that runs")
	}
	c.kill(nd)
	before := contents(t, dir)
	d, err := raftstore.Inspect(dir)
	if err != nil || !d.Usable || d.Log.Last == 0 || !slices.Equal(d.Members, nd.peers) || d.Snapshots[0].Keys != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	after := contents(t, dir)
	if len(before) != len(after) {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	for path, b := range before {
		if !bytes.Equal(b, after[path]) {
			t.Errorf("%s has changed", path)
		}
	}
	if _, err := raftstore.Inspect(t.TempDir()); err == nil {
		t.Error("an empty directory is a member's")
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMembersHashAlike: all members give the same checksum at a revision, while writes go on, and one that has not got there yet waits.
func TestMembersHashAlike(t *testing.T) {
	c := newCluster(t, 3, nil)
	client := c.client()
	rev := c.put(client, "a", "1")
	for range 50 {
		c.put(client, "b", "2")
	}
	var want []byte
	for _, nd := range c.nodes {
		h, err := client.HashOf(timeout(t), nd.address, rev)
		if err != nil || h.MemberId != nd.id || h.Revision != rev || h.Keys != 1 {
			t.Fatalf("%v, %v", h, err)
		}
		if want == nil {
			want = h.Sha256
		}
		if !bytes.Equal(h.Sha256, want) {
			t.Errorf("%s hashes %x, not %x", nd.id, h.Sha256, want)
		}
	}
	newest, err := client.HashOf(timeout(t), c.nodes[0].address, 0)
	if err != nil || bytes.Equal(newest.Sha256, want) {
		t.Errorf("%v, %v", newest, err)
	}
}
