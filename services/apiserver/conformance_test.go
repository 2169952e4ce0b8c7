package apiserver_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, apitest.Start(t, nil).Client())
}

// The same on the store as it is in earnest: a member with its log on disk, reached over gRPC.
func TestConformanceOnTheReplicatedStore(t *testing.T) {
	conformance.Run(t, apitest.Start(t, func(c *apiserver.Config) { c.Store = startStore(t, c.CADir) }).Client())
}

// startStore runs a store of one member, whose certificate comes from the CA in dir.
func startStore(t *testing.T, dir string) raftstore.Store {
	t.Helper()
	ca := check(identity.LoadCA(dir))(t)
	tls := func(who identity.Request) *identity.Reloader {
		t.Helper()
		f := identity.FilesIn(dir, "store-"+who.Groups[0][len("system:"):])
		if err := f.Ensure(ca, who); err != nil {
			t.Fatal(err)
		}
		return check(identity.NewReloader(f))(t)
	}
	member := tls(identity.Request{Name: identity.StoreName("s1"), Groups: []string{identity.GroupStores}, Hosts: []string{"127.0.0.1"}})
	server := tls(identity.Request{Name: identity.APIServer, Groups: []string{identity.GroupComponents}})
	listener := check(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- raftstore.Run(ctx, raftstore.Config{
			ID: "s1", Listener: listener, DataDir: t.TempDir(), ServerTLS: member.Server(), ClientTLS: member.Client(""),
			Members: []raftstore.Peer{{ID: "s1", Address: address}}, HeartbeatTimeout: 200 * time.Millisecond,
		}, hclog.NewNullLogger())
	}()
	store := check(raftstore.NewClient(raftstore.ClientConfig{Endpoints: []string{address}, TLS: server.Client("")}))(t)
	t.Cleanup(func() {
		store.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the store ended with: %v", err)
		}
	})
	return store
}
