package raftstore_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

const patience = 30 * time.Second

// cluster is members in this process, each with its own data, certificate and port.
type cluster struct {
	*testing.T
	ca    *identity.CA
	dir   string
	nodes []*node
	tweak func(*raftstore.Config)
}

// node is a member that can be stopped and started again.
type node struct {
	*raftstore.Member
	id, address string
	peers       []raftstore.Peer
	listener    net.Listener
	stop        context.CancelFunc
	served      chan error
}

// newCluster starts a store of n members.
func newCluster(t *testing.T, n int, tweak func(*raftstore.Config)) *cluster {
	t.Helper()
	dir := t.TempDir()
	ca, err := identity.InitCA(filepath.Join(dir, "ca"), "test")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{T: t, ca: ca, dir: dir, tweak: tweak}
	var listeners []net.Listener
	var peers []raftstore.Peer
	for i := range n {
		l := c.listen("127.0.0.1:0")
		listeners = append(listeners, l)
		peers = append(peers, raftstore.Peer{ID: fmt.Sprintf("s%d", i+1), Address: l.Addr().String()})
	}
	for i, l := range listeners {
		nd := &node{id: peers[i].ID, address: peers[i].Address, peers: peers}
		c.nodes = append(c.nodes, nd)
		c.run(nd, l)
	}
	t.Cleanup(func() {
		for _, nd := range c.nodes {
			c.kill(nd)
		}
	})
	return c
}

func (c *cluster) listen(address string) net.Listener {
	c.Helper()
	// The port of a member that was just stopped may take a moment to be free.
	deadline := time.Now().Add(patience)
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			c.Fatal(err)
		}
	}
}

// tls issues a certificate and gives the settings to use it.
func (c *cluster) tls(name string, groups ...string) (server, client *tls.Config) {
	c.Helper()
	f := identity.FilesIn(filepath.Join(c.dir, "certs", fmt.Sprint(name, groups)), "tls")
	if err := f.Ensure(c.ca, identity.Request{Name: name, Groups: groups, Hosts: []string{"127.0.0.1"}}); err != nil {
		c.Fatal(err)
	}
	server, err := identity.ServerTLS(f)
	if err != nil {
		c.Fatal(err)
	}
	client, err = identity.ClientTLS(f, "")
	if err != nil {
		c.Fatal(err)
	}
	return server, client
}

func (c *cluster) config(nd *node) raftstore.Config {
	server, client := c.tls(identity.StoreName(nd.id), identity.GroupStores)
	cfg := raftstore.Config{
		ID: nd.id, DataDir: filepath.Join(c.dir, nd.id), Members: nd.peers,
		AdvertiseAddress: nd.address, ServerTLS: server, ClientTLS: client,
		HeartbeatTimeout: 500 * time.Millisecond, ProgressInterval: 200 * time.Millisecond,
	}
	if c.tweak != nil {
		c.tweak(&cfg)
	}
	return cfg
}

func (c *cluster) log(name string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: hclog.Error, Output: testWriter{c.T}})
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil { // Not after the test, which would panic.
		w.t.Logf("%s", p)
	}
	return len(p), nil
}

func (c *cluster) run(nd *node, l net.Listener) {
	c.Helper()
	cfg := c.config(nd)
	cfg.Listener = l
	m, err := raftstore.Open(cfg, c.log(nd.id))
	if err != nil {
		c.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	nd.Member, nd.listener, nd.stop, nd.served = m, l, stop, make(chan error, 1)
	go func() { nd.served <- m.Serve(ctx) }()
}

// kill stops a member without handing over leadership: Raft and log go first, then the port.
func (c *cluster) kill(nd *node) {
	c.Helper()
	if nd.stop == nil {
		return
	}
	nd.ShutDown()
	nd.stop()
	if err := <-nd.served; err != nil && !errors.Is(err, raftstore.ErrRemoved) {
		c.Errorf("%s: %v", nd.id, err)
	}
	nd.stop = nil
}

func (c *cluster) restart(nd *node) {
	c.Helper()
	c.kill(nd)
	c.run(nd, c.listen(nd.address))
}

// leader waits until one of the nodes leads.
func (c *cluster) leader(among ...*node) *node {
	c.Helper()
	if len(among) == 0 {
		among = c.nodes
	}
	deadline := time.After(patience)
	for {
		for _, nd := range among {
			if nd.stop != nil && nd.Leading() {
				return nd
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			c.Fatal("no leader")
		}
	}
}

func (c *cluster) followers() []*node {
	c.Helper()
	leader := c.leader()
	var rest []*node
	for _, nd := range c.nodes {
		if nd != leader && nd.stop != nil {
			rest = append(rest, nd)
		}
	}
	return rest
}

// client gives a client with the identity of an API server.
func (c *cluster) client(endpoints ...string) *raftstore.Client {
	c.Helper()
	if len(endpoints) == 0 {
		for _, nd := range c.nodes {
			endpoints = append(endpoints, nd.address)
		}
	}
	_, tls := c.tls(identity.APIServer, identity.GroupComponents)
	client, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: endpoints, TLS: tls})
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(client.Close)
	return client
}

func putReq(key, value string) *storev1.TxnRequest {
	return &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(key), Value: []byte(value)}}}}}
}

func (c *cluster) put(s raftstore.Store, key, value string) int64 {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	res, err := s.Txn(ctx, putReq(key, value))
	if err != nil {
		c.Fatalf("put %s: %v", key, err)
	}
	return res.Revision
}

func (c *cluster) get(s raftstore.Store, key string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	res, err := s.Range(ctx, &storev1.RangeRequest{Key: []byte(key)})
	if err != nil {
		c.Fatalf("get %s: %v", key, err)
	}
	if len(res.Kvs) == 0 {
		return ""
	}
	return string(res.Kvs[0].Value)
}

// waitFor looks until something is so.
func (c *cluster) waitFor(what string, so func() bool) {
	c.Helper()
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			c.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
