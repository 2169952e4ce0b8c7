package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"time"
)

// bench is one comparison under way.
type bench struct {
	p     parameters
	dir   string
	table *table
}

// row is one line of work that is done for a while.
type row struct {
	name, what string
	// goal is how many times better Kaji is meant to be.
	goal float64
	// better says how figures of this row compare: by throughput, or by latency for a row that has one client.
	latency bool
	run     func(ctx context.Context, r *row, b *bench, s side, round int) error
}

// rowNames are those that the flag -rows takes, in the order in which they run.
func rowNames() []string {
	var out []string
	for _, r := range rows() {
		out = append(out, r.name)
	}
	return out
}

func rows() []*row {
	return []*row{
		{name: "put256", what: "put 256 B, 256 clients", goal: 3, run: puts(256, 256)},
		{name: "put2k", what: "put 2 KiB, 256 clients", goal: 3, run: puts(256, 2048)},
		{name: "put64", what: "put 256 B, 64 clients", goal: 2, run: puts(64, 256)},
		{name: "put1", what: "put 256 B, 1 client", goal: 1, latency: true, run: puts(1, 256)},
		{name: "swap", what: "compare-and-swap 2 KiB, 64 clients", goal: 2, run: swaps(64, 2048)},
		{name: "get", what: "linearizable get 2 KiB, 64 clients", goal: 2, run: gets(64, 2048)},
		{name: "range", what: "range over 10,000 keys of 2 KiB: keys", goal: 2, run: ranges(10_000, 2048)},
		{name: "watch", what: "watchers of one prefix, 1 writer: events", goal: 3, run: watches(256)},
	}
}

// all runs every row round by round, one side after the other, another one first in every round.
func (b *bench) all(ctx context.Context, sides []side) error {
	for _, r := range rows() {
		if !slices.Contains(b.p.rows, r.name) {
			continue
		}
		for round := range b.p.rounds {
			if err := b.disk(ctx); err != nil {
				return err
			}
			for i := range sides {
				s := sides[(i+round)%len(sides)]
				runtime.GC() // of what the side before left in this process
				err := b.profiled(ctx, s, r.name, round, func() error { return r.run(ctx, r, b, s, round) })
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name(), r.name, err)
				}
			}
		}
		fmt.Fprintln(os.Stderr, "measured:", r.name)
	}
	for _, part := range []struct {
		name string
		run  func(ctx context.Context, sides []side) error
	}{{"failover", b.failover}, {"million", b.millionKeys}} {
		if !slices.Contains(b.p.rows, part.name) {
			continue
		}
		if err := part.run(ctx, sides); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintln(os.Stderr, "measured:", part.name)
	}
	return nil
}

// disk measures the disk once in each round.
func (b *bench) disk(ctx context.Context) error {
	r, err := disk(ctx, b.dir, min(b.p.span, 300*time.Millisecond))
	if err == nil {
		b.table.disk = append(b.table.disk, sample{Value: r.perSecond, P50: r.p50, P99: r.p99})
	}
	return err
}

// connect makes connections to a side's leader, and gives what closes them.
func connect(ctx context.Context, s side, n int) (clients []client, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range clients {
			c.close()
		}
	}
	for range n {
		c, err := s.connect(ctx, false)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		clients = append(clients, c)
	}
	return clients, closeAll, nil
}

// warmUp is how long a load runs before it is measured.
const warmUp = 300 * time.Millisecond

// load measures clients that do work over and over through the connections.
func (b *bench) load(ctx context.Context, r *row, s side, clients int, prepare func(ctx context.Context, c []client) error, work func(ctx context.Context, c client, client, n int) error) error {
	conns, closeAll, err := connect(ctx, s, min(b.p.connections, clients))
	if err != nil {
		return err
	}
	defer closeAll()
	if prepare != nil {
		if err := prepare(ctx, conns); err != nil {
			return err
		}
	}
	one := func(ctx context.Context, client, n int) error { return work(ctx, conns[client%len(conns)], client, n) }
	if _, err := during(ctx, clients, warmUp, one); err != nil {
		return err
	}
	before, own := cpu(s), ownCPU()
	res, err := during(ctx, clients, b.p.span, one)
	if err != nil {
		return err
	}
	v := sample{Value: res.perSecond, P50: res.p50, P99: res.p99, Operations: res.operations, CPU: cpu(s) - before, ClientCPU: ownCPU() - own}
	b.table.add(s, r, v)
	return nil
}

// keySpace is how many keys a row writes in turn.
const keySpace = 20_000

func key(row string, i int) string { return fmt.Sprintf("/registry/%s/default/object-%06d", row, i) }

// values are random bytes, the same for all sides.
func values(size int) func(i int) []byte {
	random := rand.NewChaCha8([32]byte{1})
	pool := make([]byte, 1<<20)
	_, _ = random.Read(pool) // It never fails.
	return func(i int) []byte {
		at := (i * 61) % (len(pool) - size)
		return pool[at : at+size]
	}
}

func puts(clients, size int) func(context.Context, *row, *bench, side, int) error {
	return func(ctx context.Context, r *row, b *bench, s side, _ int) error {
		value := values(size)
		return b.load(ctx, r, s, clients, nil, func(ctx context.Context, c client, client, n int) error {
			i := (n*clients + client) % keySpace
			return c.put(ctx, key(r.name, i), value(n+client))
		})
	}
}

// swaps has each client update keys of its own by the revision that its last update made, as controllers do.
func swaps(clients, size int) func(context.Context, *row, *bench, side, int) error {
	return func(ctx context.Context, r *row, b *bench, s side, _ int) error {
		const each = 16
		value := values(size)
		revisions := make([][each]int64, clients)
		swap := func(ctx context.Context, c client, client, n int) error {
			rev := &revisions[client][n%each]
			now, swapped, err := c.swap(ctx, key(r.name, client*each+n%each), value(n+client), *rev)
			if err == nil && !swapped && *rev != 0 {
				err = fmt.Errorf("a key that nobody else writes has revision %d, not %d", now, *rev)
			}
			*rev = now
			return err
		}
		// The first time, what an earlier round left is read.
		prepare := func(ctx context.Context, c []client) error {
			return together(ctx, clients, clients*each, func(ctx context.Context, _, i int) error {
				return swap(ctx, c[i%len(c)], i/each, i%each)
			})
		}
		return b.load(ctx, r, s, clients, prepare, swap)
	}
}

// fillKeys writes keys, some to each transaction.
func fillKeys(ctx context.Context, conns []client, n, each int, name func(i int) string, value func(i int) []byte) error {
	return together(ctx, 16, (n+each-1)/each, func(ctx context.Context, client, part int) error {
		var keys []string
		for i := part * each; i < min(n, (part+1)*each); i++ {
			keys = append(keys, name(i))
		}
		return conns[client%len(conns)].fill(ctx, keys, func(i int) []byte { return value(part*each + i) })
	})
}

func gets(clients, size int) func(context.Context, *row, *bench, side, int) error {
	return func(ctx context.Context, r *row, b *bench, s side, round int) error {
		const keys = 1000
		name := func(i int) string { return key(r.name, i) }
		prepare := func(ctx context.Context, c []client) error {
			if round > 0 {
				return nil
			}
			return fillKeys(ctx, c, keys, 50, name, values(size))
		}
		return b.load(ctx, r, s, clients, prepare, func(ctx context.Context, c client, client, n int) error {
			v, err := c.get(ctx, name((client*31+n)%keys))
			if err == nil && len(v) != size {
				err = fmt.Errorf("a value of %d bytes", len(v))
			}
			return err
		})
	}
}

// ranges reads a range again and again with one client, in each way that the side has.
func ranges(keys, size int) func(context.Context, *row, *bench, side, int) error {
	return func(ctx context.Context, r *row, b *bench, s side, round int) error {
		conns, closeAll, err := connect(ctx, s, 1)
		if err != nil {
			return err
		}
		defer closeAll()
		if round == 0 {
			if err := fillKeys(ctx, conns, keys, 50, func(i int) string { return key(r.name, i) }, values(size)); err != nil {
				return err
			}
		}
		for _, way := range conns[0].scans() {
			read := func(ctx context.Context, _, _ int) error {
				n, err := way.read(ctx, "/registry/"+r.name+"/")
				if err == nil && n != keys {
					err = fmt.Errorf("%d keys read, not %d", n, keys)
				}
				return err
			}
			if _, err := during(ctx, 1, warmUp, read); err != nil {
				return err
			}
			before, own := cpu(s), ownCPU()
			res, err := during(ctx, 1, b.p.span/2, read)
			if err != nil {
				return err
			}
			v := sample{
				Way: way.way, Value: res.perSecond * float64(keys), P50: res.p50, P99: res.p99, Operations: res.operations * keys,
				CPU: cpu(s) - before, ClientCPU: ownCPU() - own,
			}
			b.table.add(s, r, v)
		}
		return nil
	}
}
