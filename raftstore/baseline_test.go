package raftstore_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// baseline is a commit from before the store had formats: what it reads is format 1. Data of versions before it is refused by both.
const baseline = "576c43d75c9701d2b33a8c18e2e20d94d8b5c6ed"

// buildBaseline builds members of the baseline, out of this clone's history.
func buildBaseline(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		t.Skipf("not in a clone: %v", err)
	}
	in := func(dir, name string, args ...string) error {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("%s %v: %s", name, args, out)
		}
		return err
	}
	top := string(root[:len(root)-1])
	if in(top, "git", "cat-file", "-e", baseline+"^{commit}") != nil {
		t.Skip("this clone does not reach back to " + baseline)
	}
	archive, src, binary := filepath.Join(dir, "old.tar"), filepath.Join(dir, "src"), filepath.Join(dir, "store")
	if err := os.Mkdir(src, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := in(top, "git", "archive", "-o", archive, baseline); err != nil {
		t.Fatal(err)
	}
	if err := in(src, "tar", "xf", archive); err != nil {
		t.Fatal(err)
	}
	if err := in(src, "go", "test", "-c", "-o", binary, "./raftstore"); err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestRollingUpgradeFromBaseline takes three members of a real older program to this one, under load, and one of them back.
func TestRollingUpgradeFromBaseline(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an older version and starts processes")
	}
	c, members := startProcessesOf(t, buildBaseline(t), 3)
	old := members[0].binary
	admin := c.client()
	c.write(admin, "ready", "1")
	h := newHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		client := c.client()
		wg.Go(func() { h.client(ctx, i, client) })
	}
	appended := &appender{T: t, prefix: "/append", store: c.client()}
	wg.Go(func() { appended.run(ctx) })
	status := func(p *process) *storev1.StatusResponse {
		_, tls := c.tls("system:apiserver", "system:components")
		pinned := raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{p.config.Address}, TLS: tls})
		defer pinned.Close()
		st, err := pinned.Status(timeout(t), &storev1.StatusRequest{})
		if err != nil {
			return &storev1.StatusResponse{}
		}
		return st
	}
	for _, m := range members {
		before := appended.count()
		c.waitFor("writes of a mixed store", func() bool { return appended.count() > before+50 })
		for _, other := range members {
			if f := status(other).Format; f > 1 {
				t.Fatalf("%s has format %d, and not all members read it", other.config.ID, f)
			}
		}
		m.kill()
		m.binary = ""
		m.start()
		// It has to be back, or the next one that is killed takes the majority with it.
		c.waitFor("the member to be back", func() bool { st := status(m); return st.LeaderId != "" && st.Revision > 0 })
	}
	c.waitFor("the format to be raised", func() bool {
		for _, m := range members {
			if status(m).Format < 2 {
				return false
			}
		}
		return true
	})

	// The older program is not let in again, whatever is on its disk, and the others do without.
	back := members[0]
	back.kill()
	back.binary = old
	back.start()
	before := appended.count()
	c.waitFor("writes without the member that went back", func() bool { return appended.count() > before+200 })
	if st := status(back); st.LeaderId != "" || st.Revision >= status(members[1]).Revision {
		t.Errorf("an older program takes part: %v", st)
	}
	back.kill()
	back.binary = ""
	back.start()
	rev := c.write(admin, "forward", "1")
	c.waitFor("the member to come back", func() bool { return status(back).Revision >= rev })
	cancel()
	wg.Wait()
	h.check()
	appended.check(admin)
}
