package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// simulation is a store whose members, network and disks are simulated, in simulated time.
type simulation struct {
	*testing.T
	rnd *rand.Rand
	// versions says which members are of an older program, and when they are upgraded.
	versions *rand.Rand
	net      *simNet
	peers    []raftstore.Peer
	members  []*simMember
	// made counts members that ever were, and new addresses; where is where members are now, for other goroutines.
	made  int
	where atomic.Pointer[[]string]
	// record is what members and faults did, printed when something went wrong.
	record record
	// dying are members that crashed: nobody hears of them, but they have yet to end. So are orders to members.
	dying sync.WaitGroup
}

// record is a log in memory; many may write.
type record struct {
	mu    sync.Mutex
	bytes []byte
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes = append(r.bytes, p...)
	return len(p), nil
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.bytes)
}

// note writes what the simulation itself does.
func (s *simulation) note(format string, args ...any) {
	fmt.Fprintf(&s.record, "%s         %s\n", time.Now().Format("04:05.000"), fmt.Sprintf(format, args...))
}

// simMember is a member through its lives.
type simMember struct {
	*raftstore.Member
	id, address string
	disk        *simDisk
	host        *simHost
	// peers is whom its store begins with; none for one that is let in.
	peers []raftstore.Peer
	voter bool
	down  bool
	// held: it is down until its operator says otherwise, if ever.
	held bool
	// through, when set, is what its log is written through.
	through func(raft.LogStore) raft.LogStore
	// failed: it has ended by itself, and wants to be started again.
	failed *atomic.Bool
	// reads is the newest format that its program reads; 0 for this one's.
	reads uint32
}

func newSimulation(t *testing.T, seed uint64, n int) *simulation {
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &simulation{T: t, rnd: rnd, versions: rand.New(rand.NewPCG(seed, 2)), net: newSimNet(rand.New(rand.NewPCG(seed, 1)))}
	for i := range n {
		s.peers = append(s.peers, raftstore.Peer{ID: fmt.Sprintf("s%d", i+1), Address: fmt.Sprintf("s%d:1", i+1)})
	}
	for _, p := range s.peers {
		m := &simMember{id: p.ID, address: p.Address, disk: newSimDisk(), reads: uint32(s.versions.IntN(2)), peers: s.peers, voter: true}
		s.members = append(s.members, m)
		s.start(m)
	}
	s.made = n
	s.publish()
	return s
}

// start begins a life of a member on its disk.
func (s *simulation) start(m *simMember) {
	s.Helper()
	log := hclog.New(&hclog.LoggerOptions{Name: m.id, Level: hclog.Info, Output: &s.record, TimeFn: time.Now, TimeFormat: "04:05.000"})
	m.host = s.net.join(m.address)
	logs, votes, err := m.disk.open(log)
	if err != nil {
		s.Fatalf("%s does not open its log after a crash: %v", m.id, err)
	}
	var store raft.LogStore = logs
	if m.through != nil {
		store = m.through(logs)
	}
	cfg := raftstore.Config{
		ID: m.id, Address: m.address, Members: m.firstPeers(), HeartbeatTimeout: s.timers(), ProgressInterval: 200 * time.Millisecond,
		SnapshotEntries: 200, TrailingEntries: 50,
	}
	cfg.ReadsUpTo(m.reads)
	m.Member, err = raftstore.OpenSimulated(raftstore.SimulatedWorld{
		Logs: store, Stable: votes, Snapshots: simSnapshots{m.disk}, Close: logs.Close, Transport: m.host.raft, Connect: m.host.connect,
	}, cfg, log)
	if err != nil {
		s.Fatalf("%s does not start after a crash: %v", m.id, err)
	}
	m.host.serve(m.Services())
	m.down, m.failed = false, &atomic.Bool{}
	member, host, failed := m.Member, m.host, m.failed
	s.dying.Go(func() {
		select {
		case err := <-member.Failed():
			s.note("%s ends: %v", m.id, err)
			member.ShutDown()
			failed.Store(true)
		case <-host.alive.Done():
		}
	})
}

// firstPeers is what a member's store begins with. It counts for an empty disk only, and must name the member's address.
func (m *simMember) firstPeers() []raftstore.Peer {
	if !slices.Contains(m.peers, raftstore.Peer{ID: m.id, Address: m.address}) {
		return nil
	}
	return m.peers
}

// timers are those of a member for one life: they go right as a rule, or too fast, or too slowly.
func (s *simulation) timers() time.Duration {
	per := []time.Duration{100, 100, 100, 100, 60, 180}
	return 500 * time.Millisecond * per[s.rnd.IntN(len(per))] / 100
}

// crash cuts a member's power. What it still does in this process reaches nobody: its disk is the one before, and its host is dead. It is
// given the time to lay down its leadership before it is closed, as Raft would leave calls unanswered otherwise.
func (s *simulation) crash(m *simMember) {
	if m.down {
		return
	}
	m.down = true
	s.note("%s crashes", m.id)
	m.host.crash()
	dead := m.Member
	m.disk = m.disk.crash(s.rnd)
	s.dying.Go(func() {
		time.Sleep(3 * time.Second)
		dead.ShutDown()
	})
}

func (s *simulation) restart(m *simMember) {
	if m.down && !m.held {
		if m.reads != 0 && s.versions.IntN(2) == 0 {
			s.note("%s is upgraded", m.id)
			m.reads = 0
		}
		s.note("%s starts", m.id)
		s.start(m)
	}
}

// supervise starts members again that ended by themselves.
func (s *simulation) supervise() {
	for _, m := range s.members {
		if m.failed.Load() {
			s.crash(m)
			s.restart(m)
		}
	}
}

// end stops all members.
func (s *simulation) end() {
	for _, m := range s.members {
		s.crash(m)
	}
	s.dying.Wait()
}

// client gives a client with an address of its own.
func (s *simulation) client(name string) *raftstore.Client {
	host := s.net.join(name)
	var endpoints []string
	for _, p := range s.peers {
		endpoints = append(endpoints, p.Address)
	}
	return raftstore.NewSimulatedClient(host.connect, endpoints)
}

// heal mends everything and starts everyone.
func (s *simulation) heal() {
	s.net.heal()
	s.net.weather(2*time.Millisecond, 0, 0)
	for _, m := range s.members {
		m.disk.set(time.Millisecond, false)
		m.host.thaw()
		s.restart(m)
	}
	s.supervise()
}

// settle waits until all members have what was acknowledged, and gives the revision.
func (s *simulation) settle(c *raftstore.Client) int64 {
	s.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := c.Txn(ctx, putReq("/settled", "yes"))
		var res *storev1.RangeResponse
		if err == nil {
			// What has been acknowledged by now is not after the revision of a read.
			res, err = c.Range(ctx, &storev1.RangeRequest{Key: []byte("/settled")})
		}
		cancel()
		if err == nil {
			for _, m := range s.members {
				for s.revision(m) < res.Revision {
					if time.Now().After(deadline) {
						s.Fatalf("%s did not catch up with revision %d in two minutes without faults", m.id, res.Revision)
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
			return res.Revision
		}
		if !errors.Is(err, raftstore.ErrUnavailable) && !errors.Is(err, raftstore.ErrOutcomeUnknown) && !errors.Is(err, context.DeadlineExceeded) {
			s.Fatalf("a write without faults: %v", err)
		}
		if time.Now().After(deadline) {
			s.Fatalf("no write in two minutes without faults: %v", err)
		}
	}
}

func (s *simulation) revision(m *simMember) int64 {
	st, err := m.Status(context.Background(), &storev1.StatusRequest{})
	if err != nil {
		s.Fatal(err)
	}
	return st.Revision
}
