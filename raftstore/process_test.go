package raftstore_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

// memberEnv holds the configuration of a member that runs as a process of its own: this test binary again.
const memberEnv = "KAJI_STORE_TEST_MEMBER"

type processConfig struct {
	ID, Address, Dir string
	Files            identity.Files
	Peers            []raftstore.Peer
}

func TestMain(m *testing.M) {
	if raw := os.Getenv(memberEnv); raw != "" {
		if err := runProcess(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func runProcess(raw string) error {
	var p processConfig
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return err
	}
	server, err := identity.ServerTLS(p.Files)
	if err != nil {
		return err
	}
	client, err := identity.ClientTLS(p.Files, "")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return raftstore.Run(ctx, raftstore.Config{
		ID: p.ID, Address: p.Address, DataDir: p.Dir, Members: p.Peers, ServerTLS: server, ClientTLS: client,
		HeartbeatTimeout: 500 * time.Millisecond, SnapshotEntries: 300, TrailingEntries: 50,
	}, hclog.New(&hclog.LoggerOptions{Name: p.ID, Level: hclog.Error}))
}

// process is a member in a process of its own, which can be killed and stopped like any.
type process struct {
	*testing.T
	config processConfig
	// binary is what it runs; empty means this one.
	binary string
	cmd    *exec.Cmd
	ended  <-chan struct{}
}

func (p *process) start() {
	p.Helper()
	raw, err := json.Marshal(p.config)
	if err != nil {
		p.Fatal(err)
	}
	p.cmd = exec.Command(cmp.Or(p.binary, os.Args[0]))
	p.cmd.Env = append(os.Environ(), memberEnv+"="+string(raw))
	p.cmd.Stderr = testWriter{p.T}
	// Dies with the test, however that ends. The signal comes when the thread that started the process ends, so that
	// one is kept for as long.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, cmd := make(chan error, 1), p.cmd
	ended := make(chan struct{})
	p.ended = ended
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // It is killed in the end, which Wait reports as an error.
		}
	}()
	if err := <-started; err != nil {
		p.Fatal(err)
	}
}

func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.Errorf("%s: %s: %v", p.config.ID, s, err)
	}
}

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// startProcesses starts n members, and gives them with a function that makes clients.
func startProcesses(t *testing.T, n int) (c *cluster, members []*process) {
	t.Helper()
	return startProcessesOf(t, "", n)
}

// startProcessesOf is startProcesses with another binary.
func startProcessesOf(t *testing.T, binary string, n int) (c *cluster, members []*process) {
	t.Helper()
	dir := t.TempDir()
	ca, err := identity.InitCA(filepath.Join(dir, "ca"), "test")
	if err != nil {
		t.Fatal(err)
	}
	c = &cluster{T: t, ca: ca, dir: dir}
	var peers []raftstore.Peer
	for i := range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, raftstore.Peer{ID: fmt.Sprintf("s%d", i+1), Address: l.Addr().String()})
		c.nodes = append(c.nodes, &node{id: peers[i].ID, address: peers[i].Address})
		l.Close()
	}
	for _, peer := range peers {
		f := identity.FilesIn(filepath.Join(dir, peer.ID+"-tls"), "tls")
		r := identity.Request{Name: identity.StoreName(peer.ID), Groups: []string{identity.GroupStores}, Hosts: []string{"127.0.0.1"}}
		if err := f.Ensure(ca, r); err != nil {
			t.Fatal(err)
		}
		p := &process{T: t, binary: binary, config: processConfig{ID: peer.ID, Address: peer.Address, Dir: filepath.Join(dir, peer.ID), Files: f, Peers: peers}}
		p.start()
		t.Cleanup(p.kill)
		members = append(members, p)
	}
	return c, members
}

// TestKilledProcessesLoseNothing kills -9 and freezes members, the leader among them, while clients write and read.
// The history has to be linearizable, and once all is quiet every acknowledged write is there.
func TestKilledProcessesLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	c, members := startProcesses(t, 3)
	admin := c.client()
	c.put(admin, "ready", "1")
	h := newHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	_, tls := c.tls(identity.APIServer)
	for i, nd := range c.nodes {
		pinned := raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{nd.address}, TLS: tls})
		t.Cleanup(pinned.Close)
		wg.Go(func() { h.client(ctx, i, pinned) })
	}
	for i := 3; i < 5; i++ {
		client := c.client()
		wg.Go(func() { h.client(ctx, i, client) })
	}
	appended := &appender{T: t, prefix: "/append", store: c.client()}
	wg.Go(func() { appended.run(ctx) })

	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 6 {
		victim := members[rnd.IntN(len(members))]
		if round%2 == 0 {
			victim = c.leadingProcess(admin, members)
		}
		before := appended.count()
		if round%3 == 1 {
			victim.signal(syscall.SIGSTOP)
			c.waitFor("writes while a member is frozen", func() bool { return appended.count() > before+20 })
			victim.signal(syscall.SIGCONT)
		} else {
			victim.kill()
			c.waitFor("writes while a member is down", func() bool { return appended.count() > before+20 })
			victim.start()
		}
		before = appended.count()
		c.waitFor("writes after it is back", func() bool { return appended.count() > before+20 })
	}
	cancel()
	wg.Wait()
	h.check()

	// All at once: what is acknowledged is on disk, not in somebody's memory.
	for _, m := range members {
		m.kill()
	}
	for _, m := range members {
		m.start()
	}
	appended.check(admin)
}

// TestFrozenLeaderHoldsNobodyUp: a write that waits for a leader which hangs, without its connection breaking, is given up
// once another leads.
func TestFrozenLeaderHoldsNobodyUp(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	c, members := startProcesses(t, 3)
	client := c.client()
	c.put(client, "ready", "1")
	var frozen *process
	c.waitFor("the client to have found the leader", func() bool {
		frozen = c.leadingProcess(client, members)
		return client.Leader() == frozen.config.Address
	})
	frozen.signal(syscall.SIGSTOP)
	begin := time.Now()
	for {
		_, err := client.Txn(timeout(t), putReq("k", "1"))
		if err == nil {
			break
		}
		if !errors.Is(err, raftstore.ErrOutcomeUnknown) {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > 12*time.Second {
		t.Errorf("writes stood still for %s", took)
	}
	frozen.signal(syscall.SIGCONT)
	if got := c.get(client, "k"); got != "1" {
		t.Errorf("got %q", got)
	}
}

// leadingProcess finds the process that leads.
func (c *cluster) leadingProcess(admin *raftstore.Client, members []*process) *process {
	c.Helper()
	for {
		st, err := admin.Status(timeout(c.T), &storev1.StatusRequest{})
		if err != nil {
			c.Fatal(err)
		}
		for _, m := range members {
			if m.config.ID == st.LeaderId {
				return m
			}
		}
	}
}

// appender writes keys that nobody changes afterwards, and remembers which were acknowledged.
type appender struct {
	*testing.T
	prefix string
	store  raftstore.Store
	mu     sync.Mutex
	acked  []int64
}

func (a *appender) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.acked)
}

func (a *appender) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		key := a.key(i)
		res, err := a.store.Txn(ctx, putReq(key, key))
		a.mu.Lock()
		if err == nil {
			a.acked = append(a.acked, res.Revision)
		} else {
			a.acked = append(a.acked, 0) // Keeps the place: the key's number is its index.
		}
		a.mu.Unlock()
	}
}

func (a *appender) key(i int) string { return fmt.Sprintf("%s/%06d", a.prefix, i) }

func (a *appender) check(s raftstore.Store) {
	a.Helper()
	res, err := s.Range(timeout(a.T), &storev1.RangeRequest{Key: []byte(a.prefix + "/"), RangeEnd: []byte(a.prefix + "0")})
	if err != nil {
		a.Fatal(err)
	}
	found := map[string]int64{}
	for _, kv := range res.Kvs {
		found[string(kv.Key)] = kv.ModRevision
	}
	lost := 0
	for i, rev := range a.acked {
		if rev != 0 && found[a.key(i)] != rev {
			lost++
		}
	}
	if lost > 0 {
		a.Errorf("%d of %d writes are lost or changed", lost, len(a.acked))
	}
	a.Logf("%d writes, all there that were acknowledged", len(a.acked))
}
