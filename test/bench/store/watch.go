package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// drain bounds how long watchers may take to get what was written.
	drain = 60 * time.Second
	// mostEvents ends the writing early, so that slow watchers do not make a round long.
	mostEvents = 600_000
)

// watches has watchers follow a prefix while one client writes as fast as it can, and counts what reaches them until every one
// has got every event.
func watches(size int) func(context.Context, *row, *bench, side, int) error {
	return func(ctx context.Context, r *row, b *bench, s side, round int) error {
		conns, closeAll, err := connect(ctx, s, b.p.watchConns+1)
		if err != nil {
			return err
		}
		defer closeAll()
		writer, conns := conns[0], conns[1:]
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var delivered atomic.Int64
		each := make([]atomic.Int64, b.p.watchers)
		ready, ended := make(chan struct{}, b.p.watchers), make(chan error, b.p.watchers)
		prefix := "/registry/" + r.name + "/"
		for i := range b.p.watchers {
			go func() {
				ended <- conns[i%len(conns)].watch(ctx, prefix, func() { ready <- struct{}{} }, func(n int) {
					if n > 0 {
						each[i].Add(int64(n))
						delivered.Add(int64(n))
					}
				})
			}()
		}
		for range b.p.watchers {
			select {
			case <-ready:
			case err := <-ended:
				return errors.Join(err, ctx.Err())
			}
		}
		before, own := cpu(s), ownCPU()
		value, begin := values(size), time.Now()
		writes := 0
		for time.Since(begin) < b.p.span && writes < mostEvents/b.p.watchers {
			if err := writer.put(ctx, key(r.name, writes%100), value(writes)); err != nil {
				return err
			}
			writes++
		}
		wrote := time.Since(begin)
		want := int64(writes) * int64(b.p.watchers)
		for delivered.Load() < want {
			select {
			case <-time.After(time.Millisecond):
			case err := <-ended:
				return errors.Join(err, errors.New("a watch ended early"))
			case <-ctx.Done():
				return ctx.Err()
			}
			if time.Since(begin) > b.p.span+drain {
				return fmt.Errorf("%d of %d events delivered after %s", delivered.Load(), want, time.Since(begin))
			}
		}
		took := time.Since(begin)
		v := sample{
			Value: float64(want) / took.Seconds(), Operations: int(want), CPU: cpu(s) - before, ClientCPU: ownCPU() - own,
			Note: fmt.Sprintf("%.0f writes a second", float64(writes)/wrote.Seconds()),
		}
		stop()
		for range b.p.watchers {
			if err := <-ended; err != nil {
				return err
			}
		}
		for i := range each {
			if n := each[i].Load(); n != int64(writes) {
				return fmt.Errorf("watcher %d was told %d events of %d", i, n, writes)
			}
		}
		named := *r
		named.what = fmt.Sprintf("%d %s", b.p.watchers, r.what)
		b.table.add(s, &named, v)
		return nil
	}
}
