package raftstore_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/test/faults/network"
)

var (
	processesBinary = flag.String("processes.binary", "", "the kaji program whose `kaji store` is put through faults")
	processesSeed   = flag.Uint64("processes.seed", 0, "order of the faults; 0 for another each time")
)

const (
	// processesEnv has the directory of the run that is in the namespace.
	processesEnv = "KAJI_STORE_TEST_PROCESSES"

	processMembers  = 5
	processTrailing = 50
)

// TestProcessesThroughFaults puts members that are processes on hosts of their own through what test/faults/processes.sh says, under load, and
// checks what clients saw. The test runs itself again in a network namespace, and all it makes goes with that.
func TestProcessesThroughFaults(t *testing.T) {
	if *processesBinary == "" {
		t.Skip("takes minutes and needs the program: run by test/faults/processes.sh")
	}
	seed := *processesSeed
	if seed == 0 {
		seed = rand.Uint64N(1_000_000) + 1
	}
	if dir := os.Getenv(processesEnv); dir != "" {
		runLab(t, dir, seed)
		return
	}
	runtime.LockOSThread() // The other run dies with this thread.
	defer runtime.UnlockOSThread()
	asked, stop := signal.NotifyContext(t.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(asked, os.Args[0], append(os.Args[1:], "-test.v", "-test.run=^"+t.Name()+"$", fmt.Sprint("-processes.seed=", seed))...)
	cmd.Env = append(os.Environ(), processesEnv+"="+t.TempDir())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	network.Isolate(cmd)
	switch err := cmd.Start(); {
	case network.Forbidden(err) && os.Getenv("CI") == "":
		t.Skip(network.ErrForbidden)
	case err != nil:
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; again: SEED=%d test/faults/processes.sh", err, seed)
	}
}

// lab is a store of processes and those who use it.
type lab struct {
	*testing.T
	rnd     *rand.Rand
	cluster *cluster
	network *network.Network
	members []*daemon
	admin   *raftstore.Client

	history   *history
	watching  []*follower
	appenders []*appender
	lodger    *tenant

	// kills, freezes and inSnapshot count members; partitions count rounds in which ways were cut.
	kills, freezes, partitions, inSnapshot int
	// divided: this round cut a way.
	divided bool
	// slowest is the longest that writes took to go on after all was mended.
	slowest time.Duration

	working, following  context.Context
	stop, stopFollowing context.CancelFunc
	workers, followed   sync.WaitGroup
	background          sync.WaitGroup
}

// runLab is the run in the namespace.
func runLab(t *testing.T, dir string, seed uint64) {
	l := &lab{T: t, rnd: rand.New(rand.NewPCG(seed, 0)), history: newHistory(t)}
	begin := time.Now()
	t.Logf("seed %d; again: SEED=%d test/faults/processes.sh", seed, seed)
	l.build(dir)
	t.Cleanup(func() {
		for _, m := range l.members {
			if t.Failed() {
				t.Log(m.lastWords())
			}
			m.kill()
		}
		l.network.Close()
	})
	l.use()
	l.settle()
	var rounds []blow
	for _, b := range blows {
		for range b.times {
			rounds = append(rounds, b)
		}
	}
	l.rnd.Shuffle(len(rounds), func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	for i, b := range rounds {
		l.round(fmt.Sprintf("%2d %3.0f s: %s", i+1, time.Since(begin).Seconds(), b.name), b)
	}
	last := l.finish()
	l.check(last)
	t.Logf("%d kills, %d of them in a snapshot, %d freezes, %d partitions in %.0f s; writes went on after at most %.1f s; %d looks at the lease",
		l.kills, l.inSnapshot, l.freezes, l.partitions, time.Since(begin).Seconds(), l.slowest.Seconds(), l.lodger.looks)
	if l.kills < 50 || l.partitions < 10 || l.inSnapshot == 0 {
		t.Error("that is less than this test is for")
	}
}

// build lays the network and starts the members.
func (l *lab) build(dir string) {
	l.Helper()
	ca, err := identity.InitCA(filepath.Join(dir, "ca"), "test")
	if err != nil {
		l.Fatal(err)
	}
	if l.network, err = network.New(processMembers); err != nil {
		l.Fatal(err)
	}
	l.cluster = &cluster{T: l.T, ca: ca, dir: dir}
	var initial []string
	for i, host := range l.network.Hosts() {
		m := &daemon{T: l.T, id: fmt.Sprintf("s%d", i+1), address: host.Addr.String() + ":7450", host: host}
		m.dir = filepath.Join(dir, m.id)
		l.members = append(l.members, m)
		l.cluster.nodes = append(l.cluster.nodes, &node{id: m.id, address: m.address})
		initial = append(initial, m.id+"="+m.address)
	}
	_, client := l.cluster.tls(identity.APIServer)
	for _, m := range l.members {
		f := identity.FilesIn(m.dir+"-tls", "tls")
		r := identity.Request{Name: identity.StoreName(m.id), Groups: []string{identity.GroupStores}, Hosts: []string{m.host.Addr.String()}}
		if err := f.Ensure(ca, r); err != nil {
			l.Fatal(err)
		}
		m.args = []string{
			"store", "--id=" + m.id, "--dir=" + m.dir, "--listen=" + m.address, "--initial-members=" + strings.Join(initial, ","),
			"--ca=" + f.CA, "--cert=" + f.Cert, "--key=" + f.Key, "--heartbeat-timeout=500ms",
			"--snapshot-entries=300", fmt.Sprintf("--trailing-entries=%d", processTrailing),
		}
		m.pinned = raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{m.address}, TLS: client})
		l.Cleanup(m.pinned.Close)
		m.start()
	}
}

// use has clients write, read, swap, watch and keep a lease: some choose the members they ask, each of some others asks one alone.
func (l *lab) use() {
	l.working, l.stop = context.WithCancel(l.Context())
	l.following, l.stopFollowing = context.WithCancel(l.Context())
	l.admin = l.cluster.client()
	l.history.pause = 10 * time.Millisecond
	l.ballast()
	follow := func(name string, s raftstore.Store) {
		f := &follower{TB: l.T, name: "the watcher of " + name, store: s}
		l.watching = append(l.watching, f)
		l.followed.Go(func() { f.run(l.following) })
	}
	for i, m := range l.members {
		l.workers.Go(func() { l.history.client(l.working, i, m.pinned) })
		follow(m.id, m.pinned)
	}
	for i := range 3 {
		free := l.cluster.client()
		l.workers.Go(func() { l.history.client(l.working, processMembers+i, free) })
	}
	for i := range 2 {
		a := &appender{T: l.T, prefix: fmt.Sprintf("/append/%d", i), store: l.cluster.client()}
		l.appenders = append(l.appenders, a)
		l.workers.Go(func() { a.run(l.working) })
	}
	follow("any", l.cluster.client())
	l.lodger = &tenant{TB: l.T, store: l.cluster.client()}
	l.workers.Go(func() { l.lodger.run(l.working) })
}

// ballast makes snapshots so large that they take a while to write and to send.
func (l *lab) ballast() {
	value := strings.Repeat("x", 64<<10)
	for i := range 200 {
		l.cluster.put(l.admin, fmt.Sprintf("/ballast/%d", i), value)
	}
}

// round has one thing happen, mends it, and sees that writes go on and every member catches up.
func (l *lab) round(name string, b blow) {
	l.Helper()
	l.Log(name)
	l.history.era.Add(1)
	l.divided = false
	b.strike(l)
	if b.survived {
		l.progress("while "+b.name, 20)
	}
	l.pause(time.Duration(300+l.rnd.IntN(1500)) * time.Millisecond)
	if l.divided {
		l.partitions++
	}
	l.mend()
	mended := time.Now()
	l.progress("after "+b.name, 20)
	l.slowest = max(l.slowest, time.Since(mended))
	l.settle()
	l.background.Wait()
}

// pause is how long a fault lasts, or the next one waits.
func (l *lab) pause(d time.Duration) { time.Sleep(d) }

// acknowledged is how many writes were.
func (l *lab) acknowledged() int {
	l.history.mu.Lock()
	n := l.history.acked
	l.history.mu.Unlock()
	for _, a := range l.appenders {
		n += a.count()
	}
	return n
}

// progress waits until so many more operations are acknowledged.
func (l *lab) progress(when string, more int) {
	l.Helper()
	before := l.acknowledged()
	l.cluster.waitFor("operations "+when, func() bool { return l.acknowledged() >= before+more })
}

// settle waits until all members have what was acknowledged by now, and gives the revision.
func (l *lab) settle() int64 {
	l.Helper()
	var rev int64
	l.cluster.waitFor("a write", func() bool {
		ctx, cancel := context.WithTimeout(l.Context(), 5*time.Second)
		defer cancel()
		if res, err := l.admin.Txn(ctx, putReq("/settled", "yes")); err == nil {
			rev = res.Revision
		}
		return rev > 0
	})
	for _, m := range l.members {
		l.cluster.waitFor(m.id+" to catch up", func() bool { return m.status().GetRevision() >= rev })
	}
	return rev
}

// compact forgets what all watchers have been told.
func (l *lab) compact() {
	told := l.watching[0].reached()
	for _, f := range l.watching {
		told = min(told, f.reached())
	}
	ctx, cancel := context.WithTimeout(l.Context(), patience)
	defer cancel()
	_, _ = l.admin.Compact(ctx, &storev1.CompactRequest{Revision: told}) // Its leader is being killed.
}

// finish stops those who use the store, waits until all is quiet, and gives the last revision.
func (l *lab) finish() int64 {
	l.Helper()
	l.stop()
	l.workers.Wait()
	l.cluster.waitFor("the end of a lease that nobody keeps", func() bool {
		res, err := l.admin.Range(timeout(l.T), &storev1.RangeRequest{Key: []byte("/tenant")})
		return err == nil && len(res.Kvs) == 0
	})
	last := l.settle()
	for _, f := range l.watching {
		l.cluster.waitFor(f.name, func() bool { return f.reached() >= last })
	}
	l.stopFollowing()
	l.followed.Wait()
	return last
}
