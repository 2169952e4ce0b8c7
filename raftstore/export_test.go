package raftstore

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Open opens a member as Run does, for tests that want to hold it in their hands.
func Open(cfg Config, log hclog.Logger) (*Member, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	return openMember(cfg, log)
}

// Serve serves an open member until ctx ends.
func (m *Member) Serve(ctx context.Context) error { return m.serve(ctx) }

// ShutDown closes a member.
func (m *Member) ShutDown() { m.shutDown() }

// ForceSnapshot has Raft write a snapshot and drop the log before it.
func (m *Member) ForceSnapshot() error { return m.raft.Snapshot().Error() }

// Leading tells whether the member leads and is ready.
func (m *Member) Leading() bool { return m.leading() }

// NextLeaderChange is closed when something about leadership changes.
func (m *Member) NextLeaderChange() <-chan struct{} { return m.leaderChanged.next() }

// NewPinned makes a client that never leaves its one endpoint, whoever leads.
func NewPinned(cfg ClientConfig) *Client {
	setDefault(&cfg.Patience, time.Second)
	setDefault(&cfg.AttemptTimeout, 2*time.Second)
	looked := make(chan struct{})
	close(looked)
	led, leave := context.WithCancel(context.Background())
	return &Client{
		cfg: cfg, peers: newPeers(cfg.TLS), cancel: leave, led: led, leave: leave,
		addresses: cfg.Endpoints[:1], current: cfg.Endpoints[0], looked: looked, lost: make(chan struct{}, 1),
	}
}

// MetricsAddress is where the member's metrics are served; empty while they are not.
func (m *Member) MetricsAddress() string {
	if a := m.metricsAt.Load(); a != nil {
		return *a
	}
	return ""
}

// Leader is the address that the client takes for the leader's, by the leader's own word.
func (c *Client) Leader() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leader
}
