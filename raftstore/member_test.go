package raftstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

func timeout(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// TestRestartKeepsEverything: log alone, snapshot alone, and a snapshot with log after it.
func TestRestartKeepsEverything(t *testing.T) {
	c := newCluster(t, 1, func(cfg *raftstore.Config) { cfg.TrailingEntries = 1 })
	ctx := timeout(t)
	nd := c.leader()
	lease, err := nd.LeaseGrant(ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	first := c.put(nd, "k", "0")
	leased := putReq("leased", "x")
	leased.Success[0].GetPut().Lease = lease.Id
	if _, err := nd.Txn(ctx, leased); err != nil {
		t.Fatal(err)
	}
	var rev int64
	for round := range 3 {
		for i := range 20 {
			rev = c.put(nd, "k", fmt.Sprint(round, i))
		}
		if round > 0 {
			if err := nd.ForceSnapshot(); err != nil {
				t.Fatal(err)
			}
		}
		if round == 2 {
			rev = c.put(nd, "k", "last")
		}
		c.restart(nd)
		c.leader()
		st, err := nd.Status(ctx, &storev1.StatusRequest{})
		if err != nil || st.Revision != rev || st.Keys != 2 {
			t.Fatalf("round %d: %v, %v, want revision %d", round, st, err, rev)
		}
		old, err := nd.Range(ctx, &storev1.RangeRequest{Key: []byte("k"), Revision: first})
		if err != nil || string(old.Kvs[0].Value) != "0" {
			t.Fatalf("round %d: history: %v, %v", round, old, err)
		}
	}
	if got := c.get(nd, "k"); got != "last" {
		t.Fatalf("got %q", got)
	}
	// A watch goes on over the restart from where it was.
	w, err := nd.Watch(ctx, &storev1.WatchRequest{Key: []byte("k"), StartRevision: rev - 5})
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 6; {
		res, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		n += len(res.Events)
	}
	if _, err := nd.LeaseRevoke(ctx, &storev1.LeaseRevokeRequest{Id: lease.Id}); err != nil {
		t.Fatal(err)
	}
	if got := c.get(nd, "leased"); got != "" {
		t.Fatalf("the lease lost its key: %q", got)
	}
}

func TestDataDirectoryBelongsToOneProcess(t *testing.T) {
	c := newCluster(t, 1, nil)
	nd := c.leader()
	cfg := c.config(nd)
	cfg.Address = "127.0.0.1:0"
	if m, err := raftstore.Open(cfg, c.log("second")); err == nil {
		m.ShutDown()
		t.Fatal("two members opened one directory")
	} else if !strings.Contains(err.Error(), "in use") {
		t.Fatal(err)
	}
}

// TestSnapshotCatchesUpFollower: a member that was away for longer than the log reaches back gets a
// snapshot, and its watchers, history and leases are those of the others.
func TestSnapshotCatchesUpFollower(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.TrailingEntries = 1 })
	ctx := timeout(t)
	away := c.followers()[0]
	first := c.put(c.leader(), "k", "0")
	c.kill(away)
	var rev int64
	for i := range 50 {
		c.put(c.leader(), "k", fmt.Sprint(i))
	}
	for _, nd := range c.nodes {
		if nd != away {
			if err := nd.ForceSnapshot(); err != nil {
				t.Fatal(err)
			}
		}
	}
	rev = c.put(c.leader(), "k", "last")
	c.restart(away)
	w, err := away.Watch(ctx, &storev1.WatchRequest{Key: []byte("k"), StartRevision: first})
	if err != nil {
		t.Fatal(err)
	}
	for seen := int64(0); seen < rev; {
		res, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		seen = res.Revision
	}
	res, err := away.Range(ctx, &storev1.RangeRequest{Key: []byte("k"), Revision: first, Serializable: true})
	if err != nil || string(res.Kvs[0].Value) != "0" {
		t.Fatalf("%v, %v", res, err)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	c := newCluster(t, 1, nil)
	ctx := timeout(t)
	client := c.client()
	for i := range 100 {
		c.put(client, fmt.Sprintf("k%d", i), "x")
	}
	// Two join, one after the other, and get their votes once they have caught up.
	for _, id := range []string{"s2", "s3"} {
		l := c.listen("127.0.0.1:0")
		nd := &node{id: id, address: l.Addr().String()}
		c.nodes = append(c.nodes, nd)
		c.run(nd, l)
		if _, err := client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: id, Address: nd.address, Voter: id == "s2"}}); err != nil {
			t.Fatal(err)
		}
	}
	members, err := client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: "s3", Address: c.nodes[2].address}})
	if err != nil || len(members.Members) != 3 || members.Members[2].Voter {
		t.Fatalf("adding s3 twice: %v, %v", members, err)
	}
	if promoted, err := client.MemberPromote(ctx, &storev1.MemberPromoteRequest{Id: "s3"}); err != nil || !promoted.Members[2].Voter {
		t.Fatalf("%v, %v", promoted, err)
	}
	c.waitFor("the new member to have everything", func() bool {
		st, err := c.nodes[2].Status(ctx, &storev1.StatusRequest{})
		return err == nil && st.Keys == 100
	})
	_, err = client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: "s4", Address: c.nodes[2].address}})
	wantIs(t, err, raftstore.ErrRefused)
	_, err = client.MemberRemove(ctx, &storev1.MemberRemoveRequest{Id: "nobody"})
	wantIs(t, err, raftstore.ErrRefused)

	// The leader itself goes; what stays goes on.
	gone := c.leader()
	removed, err := client.MemberRemove(ctx, &storev1.MemberRemoveRequest{Id: gone.id})
	if err != nil || len(removed.Members) != 2 {
		t.Fatalf("%v, %v", removed, err)
	}
	c.kill(gone)
	c.put(client, "after", "1")

	// With one of two down, removing the other would be the end, and removing the dead one cannot commit.
	dead := c.followers()[0]
	alive := c.leader()
	c.kill(dead)
	_, err = alive.MemberRemove(ctx, &storev1.MemberRemoveRequest{Id: alive.id})
	if !errors.Is(err, raftstore.ErrRefused) && !errors.Is(err, raftstore.ErrUnavailable) {
		t.Fatalf("removing the last member that is alive: %v", err)
	}
	c.run(dead, c.listen(dead.address))
	c.put(client, "again", "1")
	if got := c.get(dead, "after"); got != "1" {
		t.Fatalf("got %q", got)
	}
}

func TestMoveLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	ctx := timeout(t)
	client := c.client()
	for _, nd := range c.nodes {
		res, err := client.MoveLeader(ctx, &storev1.MoveLeaderRequest{Id: nd.id})
		if err != nil || res.LeaderId != nd.id {
			t.Fatalf("%v, %v, want %s", res, err, nd.id)
		}
		c.put(client, "k", nd.id)
	}
	_, err := client.MoveLeader(ctx, &storev1.MoveLeaderRequest{Id: "nobody"})
	wantIs(t, err, raftstore.ErrRefused)
}

// TestLeaseOutlivesLeader: an election ends no lease early, and a lease ends under the next leader too.
func TestLeaseOutlivesLeader(t *testing.T) {
	c := newCluster(t, 3, nil)
	ctx := timeout(t)
	client := c.client()
	lease, err := client.LeaseGrant(ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	req := putReq("leased", "x")
	req.Success[0].GetPut().Lease = lease.Id
	if _, err := client.Txn(ctx, req); err != nil {
		t.Fatal(err)
	}
	w, err := client.Watch(ctx, &storev1.WatchRequest{Key: []byte("leased"), StartRevision: 2})
	if err != nil {
		t.Fatal(err)
	}
	c.kill(c.leader())
	c.leader()
	if got := c.get(client, "leased"); got != "x" {
		t.Fatalf("got %q", got)
	}
	for {
		res, err := w.Recv()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Events {
			if e.Type == storev1.EventType_EVENT_TYPE_DELETE {
				return
			}
		}
	}
}

// TestClientWatchSurvivesMembers: a client's watch goes on, without gap or double, while each member in turn
// is stopped and started.
func TestClientWatchSurvivesMembers(t *testing.T) {
	c := newCluster(t, 3, nil)
	ctx := timeout(t)
	client := c.client()
	w, err := client.Watch(ctx, &storev1.WatchRequest{Key: []byte("k"), Progress: true})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := w.Recv(); err != nil || len(first.Events) != 0 {
		t.Fatalf("%v, %v", first, err)
	}
	const writes = 60
	go func() {
		for i := range writes {
			// An unknown outcome is settled by looking, so that each value is written exactly once.
			for {
				_, err := client.Txn(ctx, putReq("k", fmt.Sprint(i)))
				if err == nil {
					break
				}
				if res, rangeErr := client.Range(ctx, &storev1.RangeRequest{Key: []byte("k")}); rangeErr == nil && len(res.Kvs) > 0 && string(res.Kvs[0].Value) == fmt.Sprint(i) {
					break
				}
				if ctx.Err() != nil {
					return
				}
			}
			if i%20 == 10 {
				c.restart(c.leader())
			}
		}
	}()
	next := 0
	var last int64
	for next < writes {
		res, err := w.Recv()
		if err != nil {
			t.Fatalf("after %d: %v", next, err)
		}
		if res.Revision < last {
			t.Fatalf("revision went from %d to %d", last, res.Revision)
		}
		last = res.Revision
		for _, e := range res.Events {
			if string(e.Kv.Value) != fmt.Sprint(next) {
				t.Fatalf("got %s, want %d", e.Kv.Value, next)
			}
			next++
		}
	}
}

// TestNoQuorumRefuses: without a quorum nothing is acknowledged, reads neither, and watches end.
func TestNoQuorumRefuses(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.LeaderWait = time.Second })
	c.put(c.leader(), "k", "1")
	alone := c.leader()
	w, err := alone.Watch(timeout(t), &storev1.WatchRequest{Key: []byte("k")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); err != nil {
		t.Fatal(err)
	}
	for _, nd := range c.followers() {
		c.kill(nd)
	}
	_, err = alone.Range(timeout(t), &storev1.RangeRequest{Key: []byte("k")})
	wantIs(t, err, raftstore.ErrUnavailable)
	_, err = alone.Txn(timeout(t), putReq("k", "2"))
	if !errors.Is(err, raftstore.ErrUnavailable) && !errors.Is(err, raftstore.ErrOutcomeUnknown) {
		t.Fatalf("a write without a quorum: %v", err)
	}
	if res, err := alone.Range(timeout(t), &storev1.RangeRequest{Key: []byte("k"), Serializable: true}); err != nil || string(res.Kvs[0].Value) != "1" {
		t.Fatalf("a read that may be stale: %v, %v", res, err)
	}
	if _, err := w.Recv(); err == nil {
		t.Fatal("the watch goes on without a leader")
	}
}

func TestQuota(t *testing.T) {
	c := newCluster(t, 1, func(cfg *raftstore.Config) { cfg.QuotaBytes = 10_000 })
	ctx := timeout(t)
	client := c.client()
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		_, err = client.Txn(ctx, putReq(fmt.Sprintf("k%02d", n), strings.Repeat("x", 1000)))
	}
	wantIs(t, err, raftstore.ErrNoSpace)
	if n < 9 || n > 12 {
		t.Fatalf("refused after %d writes of 1000 bytes", n)
	}
	del := &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("k"), RangeEnd: []byte("l")}}}}}
	if _, err := client.Txn(ctx, del); err != nil {
		t.Fatalf("delete in a full store: %v", err)
	}
	c.put(client, "k", "fits again")
}

func TestBackupAndRestore(t *testing.T) {
	c := newCluster(t, 3, nil)
	ctx := timeout(t)
	client := c.client()
	kept := c.put(client, "kept", "1")
	c.put(client, "changed", "before")
	lease, err := client.LeaseGrant(ctx, &storev1.LeaseGrantRequest{Ttl: durationpb.New(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	leased := putReq("leased", "x")
	leased.Success[0].GetPut().Lease = lease.Id
	if _, err := client.Txn(ctx, leased); err != nil {
		t.Fatal(err)
	}
	var copied bytes.Buffer
	rev, err := client.Snapshot(ctx, &copied)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.LeaseRevoke(ctx, &storev1.LeaseRevokeRequest{Id: lease.Id}); err != nil {
		t.Fatal(err)
	}
	c.put(client, "changed", "after")
	newest := c.put(client, "new", "1")
	w, err := client.Watch(ctx, &storev1.WatchRequest{Key: []byte("changed")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Recv(); err != nil {
		t.Fatal(err)
	}

	damaged := bytes.Clone(copied.Bytes())
	damaged[len(damaged)/2] ^= 1
	_, err = client.Restore(ctx, bytes.NewReader(damaged))
	wantIs(t, err, raftstore.ErrCorrupt)
	if got := c.get(client, "changed"); got != "after" {
		t.Fatalf("a damaged copy was taken in: %q", got)
	}

	// Through a follower, which passes it on.
	_, tls := c.tls(identity.APIServer, identity.GroupComponents)
	follower := raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{c.followers()[0].address}, TLS: tls})
	defer follower.Close()
	after, err := follower.Restore(ctx, bytes.NewReader(copied.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if after <= newest || rev >= newest {
		t.Fatalf("copy at %d, newest %d, after the restore %d", rev, newest, after)
	}
	for _, nd := range c.nodes {
		for key, want := range map[string]string{"kept": "1", "changed": "before", "new": ""} {
			if got := c.get(nd, key); got != want {
				t.Errorf("%s: %s is %q, want %q", nd.id, key, got, want)
			}
		}
	}
	res, err := client.Range(ctx, &storev1.RangeRequest{Key: []byte("kept")})
	if err != nil || res.Kvs[0].ModRevision != kept || res.Revision < after {
		t.Fatalf("%v, %v", res, err)
	}
	for err == nil {
		_, err = w.Recv()
	}
	wantIs(t, err, raftstore.ErrCompacted)
	if next := c.put(client, "changed", "again"); next < after+1 || next > after+2 {
		t.Fatalf("next revision is %d, want %d, or one more if the lease has ended", next, after+1)
	}
	// The lease is back with its key, and ends like any.
	c.waitFor("the end of the lease that came with the copy", func() bool { return c.get(client, "leased") == "" })
	_, err = client.LeaseRevoke(ctx, &storev1.LeaseRevokeRequest{Id: lease.Id})
	wantIs(t, err, raftstore.ErrLeaseNotFound)
}

// TestOnlyTheStoresOwnMayCall: any certificate of the cluster opens a connection, but only some may call.
func TestOnlyTheStoresOwnMayCall(t *testing.T) {
	c := newCluster(t, 1, nil)
	nd := c.leader()
	for _, tc := range []struct {
		name   string
		groups []string
		store  codes.Code
		member codes.Code
	}{
		{identity.APIServer, nil, codes.OK, codes.PermissionDenied},
		{"anna", []string{identity.GroupMasters}, codes.OK, codes.PermissionDenied},
		{identity.StoreName("s9"), []string{identity.GroupStores}, codes.OK, codes.OK},
		{identity.StoreName("s9"), nil, codes.PermissionDenied, codes.PermissionDenied},
		{identity.NodeName("n1"), []string{identity.GroupNodes}, codes.PermissionDenied, codes.PermissionDenied},
		{identity.Scheduler, []string{identity.GroupComponents}, codes.PermissionDenied, codes.PermissionDenied},
	} {
		_, tls := c.tls(tc.name, tc.groups...)
		conn, err := grpc.NewClient("passthrough:///"+nd.address, grpc.WithTransportCredentials(credentials.NewTLS(tls)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = storev1.NewStoreServiceClient(conn).Status(timeout(t), &storev1.StatusRequest{})
		if got := status.Code(err); got != tc.store {
			t.Errorf("%s %v: Status: %v, want %s", tc.name, tc.groups, err, tc.store)
		}
		_, err = storev1.NewMemberServiceClient(conn).ConfirmTerm(timeout(t), &storev1.ConfirmTermRequest{})
		if got := status.Code(err); got != tc.member {
			t.Errorf("%s %v: ConfirmTerm: %v, want %s", tc.name, tc.groups, err, tc.member)
		}
		conn.Close()
	}
}

func TestConfigValidate(t *testing.T) {
	err := (&raftstore.Config{ID: "a", Members: []raftstore.Peer{{ID: "b", Address: "x:1"}, {ID: "b", Address: ""}}, QuotaBytes: -1}).Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"address to listen", "data directory", "TLS", "even number", "id of its own", `do not include "a"`, "QuotaBytes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %s", want, err)
		}
	}
}

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

// TestRecoverFromOneDisk: of three members one disk is left, and the store goes on from it alone.
func TestRecoverFromOneDisk(t *testing.T) {
	c := newCluster(t, 3, nil)
	var rev int64
	for i := range 20 {
		rev = c.put(c.leader(), fmt.Sprintf("k%02d", i), "x")
	}
	left := c.leader()
	cfg := c.config(left)
	cfg.Address = left.address
	for _, nd := range c.nodes {
		c.kill(nd)
	}
	if err := raftstore.Recover(cfg, c.log("recover")); err != nil {
		t.Fatal(err)
	}
	c.run(left, c.listen(left.address))
	c.leader(left)
	st, err := left.Status(timeout(t), &storev1.StatusRequest{})
	if err != nil || len(st.Members) != 1 || st.Keys != 20 || st.Revision <= rev || st.CompactRevision != st.Revision {
		t.Fatalf("%v, %v", st, err)
	}
	c.put(left, "after", "1")
	c.restart(left)
	c.leader(left)
	if got := c.get(left, "after") + c.get(left, "k19"); got != "1x" {
		t.Fatalf("after another restart: %q", got)
	}
	cfg.DataDir = t.TempDir()
	if err := raftstore.Recover(cfg, c.log("recover")); err == nil {
		t.Fatal("recovered from an empty directory")
	}
}

// TestStopHandsOver: a leader that is told to stop leaves a leader behind, and its clients hardly notice.
func TestStopHandsOver(t *testing.T) {
	c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.HeartbeatTimeout = 3 * time.Second })
	client := c.client()
	c.put(client, "before", "1")
	stopped := c.leader()
	begin := time.Now()
	stopped.stop()
	if err := <-stopped.served; err != nil {
		t.Fatal(err)
	}
	stopped.ShutDown()
	stopped.stop = nil
	c.put(client, "after", "1")
	// An election would only begin after the heartbeat timeout.
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("the store stood still for %s", took)
	}
	c.run(stopped, c.listen(stopped.address))
	if got := c.get(stopped, "after"); got != "1" {
		t.Fatalf("got %q", got)
	}
}
