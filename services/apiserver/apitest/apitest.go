// Package apitest starts a whole API server for the tests of others: in-process, on a store in memory, over mutual
// TLS on a loopback port.
//
// It owns the certificates and the life of that server, which ends with the test. Clients of any identity can be
// had from it. Everything may be called concurrently.
package apitest

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
)

// Server is a running API server.
type Server struct {
	// Address is where it listens.
	Address string
	// Store is what it stands on.
	Store raftstore.Store
	// Dir holds the CA and all certificates made so far.
	Dir string
	// CA signs certificates for more identities.
	CA *identity.CA

	tb   testing.TB
	stop func()
}

// Stop ends the server before the test does, and waits for it.
func (s *Server) Stop() { s.stop() }

// Start starts a server; change, which may be nil, alters its configuration before. The test fails when the server
// does not come up or does not end well.
func Start(tb testing.TB, change func(*apiserver.Config)) *Server {
	tb.Helper()
	dir := tb.TempDir()
	ca, err := identity.InitCA(dir, "test")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{Dir: dir, CA: ca, tb: tb}
	files := s.Files(identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupComponents}}, "127.0.0.1", "localhost")
	ready := make(chan net.Addr, 1)
	cfg := apiserver.Config{
		Address: "127.0.0.1:0", TLS: files, CADir: dir, Store: raftstore.NewMemory(),
		OnReady: func(a net.Addr) { ready <- a },
	}
	if change != nil {
		change(&cfg)
	}
	s.Store = cfg.Store
	// What the server holds to be its own fault belongs into the output of a test that fails.
	log := hclog.New(&hclog.LoggerOptions{Name: "apiserver", Level: hclog.Error})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- apiserver.Run(ctx, cfg, log) }()
	select {
	case a := <-ready:
		s.Address = a.String()
	case err := <-done:
		cancel()
		tb.Fatalf("the API server ended: %v", err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			tb.Errorf("the API server ended with: %v", err)
		}
	})
	tb.Cleanup(s.stop)
	return s
}

// Another starts a second API server on the same store and with the same CA.
func (s *Server) Another() *Server {
	s.tb.Helper()
	files := s.Files(identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupComponents}}, "127.0.0.1", "localhost")
	other := Start(s.tb, func(cfg *apiserver.Config) { cfg.Store, cfg.CADir, cfg.TLS = s.Store, s.Dir, files })
	other.Dir, other.CA = s.Dir, s.CA
	return other
}

// Files makes a certificate for an identity; hosts are for servers.
func (s *Server) Files(who identity.Identity, hosts ...string) identity.Files {
	s.tb.Helper()
	f := identity.FilesIn(s.Dir, "id-"+filepath.Base(filepath.Clean(who.Name)))
	if err := f.Ensure(s.CA, identity.Request{Name: who.Name, Groups: who.Groups, Hosts: hosts}); err != nil {
		s.tb.Fatal(err)
	}
	return f
}

// As makes a client for an identity; it is closed with the test.
func (s *Server) As(who identity.Identity) *client.Client {
	s.tb.Helper()
	tlsConfig, err := identity.ClientTLS(s.Files(who), "")
	if err != nil {
		s.tb.Fatal(err)
	}
	c, err := client.Dial(client.Config{Endpoints: []string{s.Address}, TLS: tlsConfig, UserAgent: "apitest"})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { c.Close() })
	return c
}

// Client is a client that may do everything.
func (s *Server) Client() *client.Client {
	return s.As(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
}

// Node is a client that is a node's agent.
func (s *Server) Node(name string) *client.Client {
	return s.As(identity.Identity{Name: identity.NodeName(name), Groups: []string{identity.GroupNodes}})
}
