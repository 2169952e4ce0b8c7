package raftstore

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
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

// Failed gives why the member cannot go on, once that is so.
func (m *Member) Failed() <-chan error { return m.failed }

// Leases is how many leases there are.
func (m *Member) Leases() int { return len(m.state.Leases()) }

// ForceSnapshot has Raft write a snapshot and drop the log before it.
func (m *Member) ForceSnapshot() error { return m.raft.Snapshot().Error() }

// ReadsUpTo makes a member of an older program, which reads no format after newest; 0 for this program.
func (c *Config) ReadsUpTo(newest uint32) { c.newestFormat = mvcc.Format(newest) }

// Format is the store's, as far as the member has applied.
func (m *Member) Format() uint32 { return uint32(m.state.Format()) }

// ProposeRaw commits a log entry of any bytes and gives what the state machine answered.
func (m *Member) ProposeRaw(entry []byte) (any, error) {
	f := m.raft.Apply(entry, 10*time.Second)
	err := f.Error()
	return f.Response(), err
}

// Leading tells whether the member leads and is ready.
func (m *Member) Leading() bool { return m.leading() }

// Stand has the member stand for election.
func (m *Member) Stand() error { return (&succession{member: m, transport: m.transport}).stand() }

// NextLeaderChange is closed when something about leadership changes.
func (m *Member) NextLeaderChange() <-chan struct{} { return m.leaderChanged.next() }

// NewPinned makes a client that never leaves its one endpoint, whoever leads.
func NewPinned(cfg ClientConfig) *Client {
	setDefault(&cfg.Patience, time.Second)
	setDefault(&cfg.AttemptTimeout, 2*time.Second)
	looked := make(chan struct{})
	close(looked)
	led, leave := context.WithCancel(context.Background())
	peers := newPeers(cfg.TLS)
	return &Client{
		cfg: cfg, peers: peers, exchanges: newExchanges(peers, ""), cancel: leave, living: led, led: led, leave: leave,
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

// SimulatedWorld is what a simulated member has around it.
type SimulatedWorld struct {
	Logs      raft.LogStore
	Stable    raft.StableStore
	Snapshots raft.SnapshotStore
	Close     func() error
	Transport raft.Transport
	Connect   Connect
}

// Connect gives a simulated connection.
type Connect func(address string) (grpc.ClientConnInterface, error)

func (c Connect) get(address string) (grpc.ClientConnInterface, error) { return c(address) }
func (Connect) close()                                                 {}

// OpenSimulated opens a member in a simulated world.
func OpenSimulated(w SimulatedWorld, cfg Config, log hclog.Logger) (*Member, error) {
	cfg.DataDir, cfg.ServerTLS, cfg.ClientTLS = "simulated", &tls.Config{}, &tls.Config{}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	return openMemberIn(world{
		storage: func(*Config, hclog.Logger) (*storage, error) {
			return &storage{logs: w.Logs, stable: w.Stable, snapshots: w.Snapshots, close: w.Close}, nil
		},
		transport: func(hclog.Logger) raft.Transport { return w.Transport },
		peers:     w.Connect,
	}, cfg, log)
}

// NewSimulatedClient makes a client over simulated connections.
func NewSimulatedClient(connect Connect, endpoints []string) *Client {
	return newClientOver(connect, ClientConfig{Endpoints: endpoints})
}

// NewSimulatedPinned makes a client over simulated connections that never leaves its endpoint.
func NewSimulatedPinned(connect Connect, endpoint string) *Client {
	c := NewPinned(ClientConfig{Endpoints: []string{endpoint}})
	c.peers, c.exchanges = connect, newExchanges(connect, "")
	return c
}

// Services are the member's services, by their descriptors.
func (m *Member) Services() map[*grpc.ServiceDesc]any {
	return map[*grpc.ServiceDesc]any{
		&storev1.StoreService_ServiceDesc:  &service{Member: m},
		&storev1.MemberService_ServiceDesc: &memberService{member: m},
	}
}

// MarkSent notes that the request of a call has left, as gRPC's transport would.
func MarkSent(ctx context.Context) { sentHandler{}.HandleRPC(ctx, &stats.OutPayload{}) }

// ToStatus makes the status that a caller gets.
func ToStatus(err error) error { return toStatus(err) }

// Encode gives a message as it travels.
func Encode(m any) ([]byte, error) {
	parts, err := newCodec().Marshal(m)
	if err != nil {
		return nil, err
	}
	defer parts.Free()
	return parts.Materialize(), nil
}

// Decode puts a message that has travelled where it is wanted.
func Decode(b []byte, into any) error {
	return newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, into)
}

// RangeOnce is Range in one message, however large.
func (c *Client) RangeOnce(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	return c.rangeOnce(ctx, req)
}
