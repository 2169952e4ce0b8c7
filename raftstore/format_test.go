package raftstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/mvcc"
)

// formats waits until all nodes that run have a format.
func (c *cluster) formats(want uint32) {
	c.Helper()
	c.waitFor(fmt.Sprint("format ", want), func() bool {
		for _, nd := range c.nodes {
			if nd.stop != nil && nd.Format() != want {
				return false
			}
		}
		return true
	})
}

// write is put for when leaders come and go: it is repeated while its outcome is unknown, and gives the revision of the last try.
func (c *cluster) write(s raftstore.Store, key, value string) int64 {
	c.Helper()
	for {
		res, err := s.Txn(timeout(c.T), putReq(key, value))
		if err == nil {
			return res.Revision
		}
		if !errors.Is(err, raftstore.ErrOutcomeUnknown) && !errors.Is(err, raftstore.ErrUnavailable) {
			c.Fatalf("put %s: %v", key, err)
		}
	}
}

// refuses starts a member that has to stop by itself, and gives why it did.
func (c *cluster) refuses(nd *node) error {
	c.Helper()
	cfg := c.config(nd)
	cfg.Listener = c.listen(nd.address)
	m, err := raftstore.Open(cfg, c.log(nd.id))
	if err != nil {
		cfg.Listener.Close()
		return err
	}
	defer m.ShutDown()
	return m.Serve(timeout(c.T))
}

// TestRollingUpgrade takes three members of an older program to this one, one by one, under load, and then tries to go back.
func TestRollingUpgrade(t *testing.T) {
	older := map[string]bool{"s1": true, "s2": true, "s3": true, "s4": true}
	c := newCluster(t, 3, func(cfg *raftstore.Config) {
		cfg.TrailingEntries = 1
		if older[cfg.ID] {
			cfg.ReadsUpTo(1)
		}
	})
	h := newHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 3 {
		client := c.client()
		wg.Go(func() { h.client(ctx, i, client) })
	}
	admin := c.client()
	c.write(admin, "ready", "1")
	for i, nd := range c.nodes {
		if i == 2 {
			// The last one of the older program is sent a snapshot, which members of this one wrote.
			c.kill(nd)
			c.write(admin, "while it is away", "1")
			for _, other := range c.nodes[:2] {
				if err := other.ForceSnapshot(); err != nil {
					t.Fatal(err)
				}
			}
			rev := c.write(admin, "after the snapshot", "1")
			c.run(nd, c.listen(nd.address))
			c.waitFor("the older member to catch up", func() bool {
				st, err := nd.Status(t.Context(), &storev1.StatusRequest{})
				return err == nil && st.Revision >= rev
			})
		}
		c.formats(1)
		older[nd.id] = false
		c.restart(nd)
		c.write(admin, nd.id, "upgraded")
	}
	c.formats(2)
	cancel()
	wg.Wait()
	h.check()

	st, err := admin.Status(timeout(t), &storev1.StatusRequest{})
	if err != nil || st.Format != 2 || st.OldestFormat != 1 || st.NewestFormat != uint32(mvcc.NewestFormat) {
		t.Fatalf("%v, %v", st, err)
	}

	// Back to the older program: from the log, then from a snapshot. Neither has done anything, so that the way forward is open.
	back := c.followers()[0]
	for _, fromSnapshot := range []bool{false, true} {
		if fromSnapshot {
			c.write(admin, "for the snapshot", "1")
			if err := back.ForceSnapshot(); err != nil {
				t.Fatal(err)
			}
		}
		c.kill(back)
		older[back.id] = true
		err := c.refuses(back)
		if !errors.Is(err, raftstore.ErrUnreadable) || !strings.Contains(err.Error(), "format 2") || !strings.Contains(err.Error(), "1 to 1") {
			t.Fatalf("a downgrade, from a snapshot %t: %v", fromSnapshot, err)
		}
		older[back.id] = false
		c.run(back, c.listen(back.address))
		rev := c.write(admin, "forward", fmt.Sprint(fromSnapshot))
		c.waitFor("the member to come back", func() bool {
			st, err := back.Status(t.Context(), &storev1.StatusRequest{})
			return err == nil && st.Revision >= rev
		})
	}

	// A newcomer of the older program is not let in; one of this program is.
	l := c.listen("127.0.0.1:0")
	newcomer := &node{id: "s4", address: l.Addr().String()}
	c.nodes = append(c.nodes, newcomer)
	c.run(newcomer, l)
	add := &storev1.MemberAddRequest{Member: &storev1.Member{Id: "s4", Address: newcomer.address}}
	_, err = admin.MemberAdd(timeout(t), add)
	if !errors.Is(err, raftstore.ErrRefused) || !strings.Contains(err.Error(), "format 2") {
		t.Fatalf("adding a member of an older program: %v", err)
	}
	older["s4"] = false
	c.restart(newcomer)
	if _, err := admin.MemberAdd(timeout(t), add); err != nil {
		t.Fatal(err)
	}
	c.formats(2)
}

// TestCopiesCrossFormats: a copy of an older format is taken into a newer store, which keeps its own, and the other way round the
// store is raised first, or the copy is refused.
func TestCopiesCrossFormats(t *testing.T) {
	old := newCluster(t, 1, func(cfg *raftstore.Config) { cfg.ReadsUpTo(1) })
	current := newCluster(t, 1, nil)
	current.put(current.leader(), "k", "new")
	current.formats(2)
	copied := func(c *cluster) *bytes.Buffer {
		var b bytes.Buffer
		if _, err := c.client().Snapshot(timeout(t), &b); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	newer := copied(current)
	old.put(old.leader(), "k", "old")
	if _, err := current.client().Restore(timeout(t), copied(old)); err != nil {
		t.Fatal(err)
	}
	if got := current.get(current.client(), "k"); got != "old" || current.leader().Format() != 2 {
		t.Errorf("got %q, format %d", got, current.leader().Format())
	}
	if _, err := old.client().Restore(timeout(t), bytes.NewReader(newer.Bytes())); !errors.Is(err, raftstore.ErrRefused) || !strings.Contains(err.Error(), "upgrade all members") {
		t.Errorf("a copy of a newer format: %v", err)
	}
	fresh := newCluster(t, 1, nil)
	fresh.leader()
	if _, err := fresh.client().Restore(timeout(t), newer); err != nil {
		t.Fatal(err)
	}
	if got := fresh.get(fresh.client(), "k"); got != "new" {
		t.Errorf("got %q", got)
	}
}

// TestPoisonedEntries: entries that cannot be applied change nothing, on any member, are told to whoever proposed them, and are met
// again after a restart without harm.
func TestPoisonedEntries(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.put(leader, "before", "1")
	unknown, err := proto.Marshal(&storev1.LogEntry{Commands: []*storev1.Command{{}}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := leader.ProposeRaw([]byte("no log entry"))
	if answerErr, ok := answer.(error); err != nil || !ok || !strings.Contains(answerErr.Error(), "was left out") {
		t.Fatalf("%v, %v", answer, err)
	}
	answer, err = leader.ProposeRaw(unknown)
	if results, ok := answer.([]mvcc.Result); err != nil || !ok || len(results) != 1 || results[0].Err == nil {
		t.Fatalf("%v, %v", answer, err)
	}
	rev := c.put(leader, "after", "1")
	for _, nd := range c.nodes {
		c.restart(nd)
	}
	c.waitFor("all members to have everything", func() bool {
		for _, nd := range c.nodes {
			st, err := nd.Status(t.Context(), &storev1.StatusRequest{})
			if err != nil || st.Revision != rev {
				return false
			}
		}
		return true
	})
	c.write(c.client(), "still", "1")
}
