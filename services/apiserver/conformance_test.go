package apiserver_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/conformance"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func TestConformance(t *testing.T) {
	conform(t, apitest.Start(t, nil))
}

// The same on the store as it is in earnest: a member with its log on disk, reached over gRPC.
func TestConformanceOnTheReplicatedStore(t *testing.T) {
	conform(t, apitest.Start(t, func(c *apiserver.Config) { c.Store = startStore(t, c.CADir) }))
}

// conform runs the suite through every way in.
func conform(t *testing.T, s *apitest.Server) {
	f := &frontier{server: s}
	c := f.client(t)
	options := func(of *client.Client) conformance.Options {
		return conformance.Options{Compact: f.compact, Client: of}
	}
	t.Run("typed services", func(t *testing.T) { conformance.Run(t, conformance.Typed(c.Conn()), options(nil)) })
	t.Run("ResourceService", func(t *testing.T) { conformance.Run(t, conformance.Generic(c), options(nil)) })
	t.Run("SDK", func(t *testing.T) { conformance.Run(t, conformance.Resources(c), options(c)) })
}

// frontier is an address behind which one API server takes the place of another.
type frontier struct {
	mu     sync.Mutex
	server *apitest.Server
	api    *client.Client
}

func (f *frontier) current() *apitest.Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.server
}

// client makes a client that is always connected with the current server.
func (f *frontier) client(t *testing.T) *client.Client {
	t.Helper()
	tls := check(identity.ClientTLS(f.server.Files(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}}), "127.0.0.1"))(t)
	f.api = check(client.Dial(client.Config{
		Endpoints: []string{f.server.Address}, TLS: tls, UserAgent: "conformance",
		Dialer: func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", f.current().Address)
		},
	}))(t)
	t.Cleanup(func() { f.api.Close() })
	return f.api
}

// compact has the store forget its history, and another server, which has not seen it, serve from now on.
func (f *frontier) compact(ctx context.Context) error {
	old := f.current()
	status, err := old.Store.Status(ctx, &storev1.StatusRequest{})
	if err != nil {
		return err
	}
	if _, err := old.Store.Compact(ctx, &storev1.CompactRequest{Revision: status.GetRevision()}); err != nil {
		return err
	}
	next := old.Another()
	f.mu.Lock()
	f.server = next
	f.mu.Unlock()
	old.Stop()
	// Until the connection stands: streams are not tried again by themselves.
	for {
		_, err := client.Of[*corev1.Namespace](f.api).Get(ctx, "", "default")
		if err == nil || apierror.IsNotFound(err) || ctx.Err() != nil {
			return ctx.Err()
		}
	}
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
