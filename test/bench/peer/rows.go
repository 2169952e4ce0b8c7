package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// bench is one comparison under way.
type bench struct {
	p     parameters
	table *table
}

const (
	listed  = "listed"  // the namespace of the pods that are created, listed and cached
	watched = "watched" // of those that change under watch
	applied = "applied" // of the Deployment
)

// create makes a round's share of the pods.
func (b *bench) create(ctx context.Context, s side, round int) error {
	n := b.p.pods / b.p.rounds
	if round == 0 {
		n += b.p.pods % b.p.rounds
	}
	before := used(s)
	took, err := together(ctx, b.p.clients, n, func(ctx context.Context, c, i int) error {
		return s.create(ctx, c, listed, fmt.Sprintf("checkout-7d4b9c6f5d-%d-%05d", round, i))
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	b.table.add(s, fmt.Sprintf("create pods, %d clients: per second", b.p.clients), more, float64(n)/took.Seconds(), used(s).since(before))
	return nil
}

// memory restarts the API server and measures what it holds when all pods are cached and its garbage is gone, and what lists add to
// that at most.
func (b *bench) memory(ctx context.Context, s side) error {
	if err := s.restart(ctx); err != nil {
		return err
	}
	resident, heap, err := settle(ctx, s)
	if err != nil {
		return err
	}
	b.table.add(s, fmt.Sprintf("API server with %d pods cached: resident MiB", b.p.pods), less, mib(resident), usage{})
	b.table.add(s, fmt.Sprintf("API server with %d pods cached: live heap MiB", b.p.pods), less, mib(heap), usage{})
	if err := s.api().ResetPeak(); err != nil {
		return err
	}
	if _, err := together(ctx, b.p.lists, 3*b.p.lists, func(ctx context.Context, c, _ int) error {
		_, err := s.list(ctx, c, listed)
		return err
	}); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	now, err := s.api().Memory()
	if err != nil {
		return err
	}
	b.table.add(s, fmt.Sprintf("list %d pods, %d at once: peak growth of resident MiB", b.p.pods, b.p.lists), less, mib(now.Peak-resident), usage{})
	b.table.add(s, fmt.Sprintf("list %d pods, %d at once: peak resident MiB", b.p.pods, b.p.lists), less, mib(now.Peak), usage{})
	return nil
}

// settle collects the API server's garbage until its resident memory stays where it is.
func settle(ctx context.Context, s side) (resident, heap int64, err error) {
	last := int64(0)
	for range 8 {
		if _, err := s.debug(ctx, "/debug/pprof/heap?gc=1"); err != nil {
			return 0, 0, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
		now, err := s.api().Memory()
		if err != nil {
			return 0, 0, err
		}
		resident = now.Resident
		if last != 0 && max(last-resident, resident-last) < last/50 {
			break
		}
		last = resident
	}
	if _, err := s.debug(ctx, "/debug/pprof/heap?gc=1"); err != nil {
		return 0, 0, err
	}
	heap, err = gauge(ctx, s, "go_memstats_heap_alloc_bytes")
	return resident, heap, err
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// list reads all pods: one list after the other, then several at once, then as clients that decode see it.
func (b *bench) list(ctx context.Context, s side) error {
	for _, l := range []struct {
		what  string
		at    int
		times int
		read  func(ctx context.Context, conn int) error
	}{
		{"list %d pods: ms", 1, 4, func(ctx context.Context, c int) error { return b.whole(ctx, s, c) }},
		{fmt.Sprintf("list %%d pods, %d at once: ms each", b.p.lists), b.p.lists, 3 * b.p.lists, func(ctx context.Context, c int) error { return b.whole(ctx, s, c) }},
		{"list %d pods and decode them in the client: ms", 1, 2, func(ctx context.Context, c int) error {
			n, err := s.decoded(ctx, c, listed)
			if err == nil && n != b.p.pods {
				err = fmt.Errorf("%d pods listed, not %d", n, b.p.pods)
			}
			return err
		}},
	} {
		before := used(s)
		took, err := together(ctx, l.at, l.times, func(ctx context.Context, c, _ int) error { return l.read(ctx, c) })
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		b.table.add(s, fmt.Sprintf(l.what, b.p.pods), less, took.Seconds()*1000/float64(l.times), used(s).since(before))
	}
	return nil
}

// whole is one list, with a look at whether it can be all of it.
func (b *bench) whole(ctx context.Context, s side, conn int) error {
	n, err := s.list(ctx, conn, listed)
	if err == nil && n < int64(b.p.pods)*1500 {
		err = fmt.Errorf("a list of %d pods has %d bytes", b.p.pods, n)
	}
	return err
}

// touchedPods is how many pods change in turn under watch.
const touchedPods = 100

// watch has watchers follow a namespace while its pods change at a rate, and counts what reaches them.
func (b *bench) watch(ctx context.Context, s side, round int) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var delivered, lost atomic.Int64
	ready := make(chan error, b.p.watchers)
	ended := make(chan error, b.p.watchers)
	for i := range b.p.watchers {
		go func() {
			once := false
			err := s.watch(watching, i, watched, func() { once = true; ready <- nil }, func() { delivered.Add(1) })
			if !once {
				ready <- errors.Join(err, watching.Err())
			} else if err != nil {
				lost.Add(1)
			}
			ended <- err
		}()
	}
	for range b.p.watchers {
		if err := <-ready; err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	before, begin := used(s), time.Now()
	changes := int(b.p.span.Seconds() * float64(b.p.rate))
	written, err := paced(ctx, b.p.rate, changes, func(ctx context.Context, i int) error {
		return s.touch(ctx, i, watched, fmt.Sprintf("watched-%d", i%touchedPods), fmt.Sprintf("%d-%d", round, i))
	})
	if err != nil {
		return fmt.Errorf("touch: %w", err)
	}
	last, at := delivered.Load(), time.Now()
	for last < int64(changes)*int64(b.p.watchers) && time.Since(at) < 3*time.Second && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		if now := delivered.Load(); now != last {
			last, at = now, time.Now()
		}
	}
	spent, took := used(s).since(before), at.Sub(begin)
	stop()
	for range b.p.watchers {
		<-ended
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what := fmt.Sprintf("%d watchers, %d changes a second: ", b.p.watchers, b.p.rate)
	b.table.add(s, what+"events per server CPU second", more, float64(last)/spent.total(), spent)
	b.table.add(s, what+"events per second", more, float64(last)/took.Seconds(), usage{})
	if missing := int64(changes)*int64(b.p.watchers) - last; missing > 0 || lost.Load() > 0 {
		b.table.note("%s, round %d: %d watches were ended by the server, %d of %d events not delivered", s.name(), round+1, lost.Load(), missing, changes*b.p.watchers)
	}
	if written > b.p.span*11/10 {
		b.table.note("%s, round %d: the changes took %.1f s instead of %.0f", s.name(), round+1, written.Seconds(), b.p.span.Seconds())
	}
	return nil
}

// paced calls work n times at a rate, a few calls under way at once.
func paced(ctx context.Context, rate, n int, work func(ctx context.Context, i int) error) (time.Duration, error) {
	begin := time.Now()
	took, err := together(ctx, 8, n, func(ctx context.Context, _, i int) error {
		select {
		case <-time.After(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate)))):
		case <-ctx.Done():
			return ctx.Err()
		}
		return work(ctx, i)
	})
	return took, err
}

// apply applies over and over what is there already.
func (b *bench) apply(ctx context.Context, s side) error {
	want, err := s.apply(ctx, 0, applied)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	revision, err := s.revision(ctx)
	if err != nil {
		return err
	}
	before := used(s)
	rate, err := during(ctx, b.p.clients, b.p.span, func(ctx context.Context, c int) error {
		got, err := s.apply(ctx, c, applied)
		if err == nil && got != want {
			err = fmt.Errorf("resourceVersion went from %s to %s", want, got)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	b.table.add(s, fmt.Sprintf("apply of an unchanged Deployment, %d clients: per second", b.p.clients), more, rate, used(s).since(before))
	now, err := s.revision(ctx)
	if err != nil {
		return err
	}
	if now != revision {
		b.table.note("%s: the store's revision went from %d to %d while an unchanged Deployment was applied", s.name(), revision, now)
	}
	return nil
}
