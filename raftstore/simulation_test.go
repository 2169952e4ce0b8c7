//go:debug randseednop=0

package raftstore_test

import (
	"context"
	"flag"
	"fmt"
	legacyrand "math/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaji.dev/kaji/raftstore"
)

var (
	simulationSeed  = flag.Uint64("simulation.seed", 1, "first seed of the simulation")
	simulationSeeds = flag.Int("simulation.seeds", 20, "how many seeds to simulate")
	simulationStep  = flag.Uint64("simulation.step", 1, "distance of one seed to the next")
	simulationTime  = flag.Duration("simulation.time", 0, "simulate further seeds until this much time is over")
	simulationLog   = flag.Bool("simulation.log", false, "print what members and faults do")
)

// TestSimulation runs a store through faults of members, network and disks that follow from a seed, in simulated time, and checks what its
// clients saw. docs/store.md says how to run one seed again.
func TestSimulation(t *testing.T) {
	begin := time.Now()
	seeds := 0
	for ; seeds < *simulationSeeds || time.Since(begin) < *simulationTime; seeds++ {
		seed := *simulationSeed + uint64(seeds)**simulationStep
		var run *run
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { run = begun(t, seed); run.simulate() })
			run.history.TB = t
			run.history.linearizable()
		})
		if !ok || *simulationLog {
			t.Logf("%s\n%s", run.record.String(), run)
		}
		if !ok {
			t.Logf("again: go test ./raftstore -run TestSimulation -simulation.seeds=1 -simulation.seed=%d", seed)
			return
		}
	}
	t.Logf("%d seeds", seeds)
}

// run is one simulation and those who use the store in it.
type run struct {
	*simulation
	admin     *raftstore.Client
	operator  *operator
	clients   []interface{ Close() }
	history   *history
	followers []*follower
	lodger    *tenant
	// working and watching end with stop and stopWatching; then workers and watchers do.
	working, watching  context.Context
	stop, stopWatching context.CancelFunc
	workers, watchers  sync.WaitGroup
}

// begun starts members and clients. When the test ends, for whatever reason, so do they.
func begun(t *testing.T, seed uint64) *run {
	// Raft takes the chance in its timeouts from here.
	legacyrand.Seed(int64(seed)) //nolint:staticcheck // It is the only way to seed somebody else's use of the package.
	r := &run{simulation: newSimulation(t, seed, 3+2*int(seed%7/6)), history: newHistory(t)}
	r.working, r.stop = context.WithCancel(context.Background())
	r.watching, r.stopWatching = context.WithCancel(context.Background())
	t.Cleanup(r.finish)
	r.admin = r.store("admin")
	r.operator = &operator{simulation: r.simulation, client: r.store("operator")}
	r.history.pause, r.history.bounded = 50*time.Millisecond, true
	for i, c := range []raftstore.Store{r.store("c0"), r.roams("c1", 0), r.store("c2"), r.roams("c3", -1)} {
		r.workers.Go(func() { r.history.client(r.working, int(seed)*10+i, c) })
	}
	for i, c := range []raftstore.Store{r.store("w0"), r.store("w1"), r.roams("w2", 2), r.roams("w3", -1)} {
		f := &follower{TB: t, name: fmt.Sprintf("w%d", i), store: c}
		r.followers = append(r.followers, f)
		r.watchers.Go(func() { f.run(r.watching) })
	}
	r.lodger = &tenant{TB: t, store: r.store("lease")}
	r.workers.Go(func() { r.lodger.run(r.working) })
	return r
}

// roams gives a client that asks the member at some place alone.
func (r *run) roams(name string, place int) *roaming {
	c := r.roaming(name, place)
	r.clients = append(r.clients, c)
	return c
}

// store gives a client of its own address.
func (r *run) store(name string) *raftstore.Client {
	c := r.client(name)
	r.clients = append(r.clients, c)
	return c
}

// simulate has a dozen things happen, mends all of it, and looks at what is left.
func (r *run) simulate() {
	for range 12 {
		time.Sleep(time.Duration(r.rnd.IntN(2500)) * time.Millisecond)
		f := faults[r.rnd.IntN(len(faults))]
		r.note("fault: %s", f.name)
		f.do(r.simulation, r.admin)
		r.supervise()
		if r.rnd.IntN(2) == 0 {
			r.operator.step()
		}
	}
	r.note("no more faults")
	r.heal()
	r.operator.finish()
	time.Sleep(2 * time.Second)
	r.stop()
	r.workers.Wait()
	r.settle(r.admin)
	r.leaseEnds(r.admin) // After which nothing happens any more by itself.
	last := r.settle(r.admin)
	r.caughtUp(r.followers, last)
	r.stopWatching()
	r.watchers.Wait()
	r.agreed()
	r.check(r.history, r.followers)
}

// finish ends everything.
func (r *run) finish() {
	r.stop()
	r.stopWatching()
	r.workers.Wait()
	r.watchers.Wait()
	for _, c := range r.clients {
		c.Close()
	}
	r.end()
}

func (r *run) String() string {
	h := r.history
	return fmt.Sprintf("%d members, %d acknowledged, %d refused, %d unknown, %d looks at the lease, %d orders", len(r.members), h.acked, h.refused, h.unknown, r.lodger.looks, r.operator.carried)
}
