package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// probeEvery is how often a write is begun while the leader is killed, whatever became of those before it.
	probeEvery = 10 * time.Millisecond
	// probeTimeout ends a write that nobody answers.
	probeTimeout = 10 * time.Second
	// failoverTimeout is how long the next write may take to be acknowledged at all.
	failoverTimeout = 30 * time.Second
	// lag is how many revisions a member that came back may be behind before the next kill.
	lag = 5
)

// failover kills leaders with SIGKILL and measures how long it takes until a write that was begun afterwards is acknowledged.
func (b *bench) failover(ctx context.Context, sides []side) error {
	took := map[string][]time.Duration{}
	for n := range b.p.kills {
		for i := range sides {
			s := sides[(i+n)%len(sides)]
			d, err := b.kill(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name(), err)
			}
			took[s.name()] = append(took[s.name()], d)
		}
	}
	for _, s := range sides {
		all := slices.Sorted(slices.Values(took[s.name()]))
		b.table.figure(s, fmt.Sprintf("leader killed %d times: ms to the next acknowledged write, median", len(all)), 1, ms(all[len(all)/2]))
		b.table.figure(s, "the same, worst", 1, ms(all[len(all)-1]))
	}
	return nil
}

// kill kills the leader once, and brings it back.
func (b *bench) kill(ctx context.Context, s side) (time.Duration, error) {
	c, err := s.connect(ctx, true)
	if err != nil {
		return 0, err
	}
	defer c.close()
	leader, err := findLeader(ctx, s)
	if err != nil {
		return 0, err
	}
	probing, stop := context.WithCancel(ctx)
	defer stop()
	acknowledged := make(chan time.Time, 4096) // The times at which writes were begun that were acknowledged.
	var probes sync.WaitGroup
	value := values(256)
	probes.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-probing.Done():
				return
			}
			probes.Go(func() {
				begun := time.Now()
				try, done := context.WithTimeout(probing, probeTimeout)
				defer done()
				if c.put(try, key("failover", n%100), value(n)) == nil {
					select {
					case acknowledged <- begun:
					default:
					}
				}
			})
		}
	})
	// So long that the client knows the members, and a little more each time, so that kills do not keep step with heartbeats.
	if err := pause(ctx, 700*time.Millisecond+time.Duration(time.Now().UnixNano()%3e8)); err != nil {
		return 0, err
	}
	killed := time.Now()
	s.servers()[leader].Kill()
	var took time.Duration
	late := time.After(failoverTimeout)
	for took == 0 {
		select {
		case begun := <-acknowledged:
			if begun.After(killed) {
				took = time.Since(killed)
			}
		case <-late:
			return 0, fmt.Errorf("no write was acknowledged in %s", failoverTimeout)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	stop()
	probes.Wait()
	if err := s.startMember(leader); err != nil {
		return 0, err
	}
	return took, s.servers()[leader].Until(ctx, func(ctx context.Context) error { return level(ctx, s) })
}

// level tells whether there is a leader and all members have about what it has.
func level(ctx context.Context, s side) error {
	leader, err := s.leader(ctx)
	if err != nil {
		return err
	}
	newest, err := s.applied(ctx, leader)
	if err != nil {
		return err
	}
	for i := range members {
		if rev, err := s.applied(ctx, i); err != nil || rev < newest-lag {
			return fmt.Errorf("member %d is at %d of %d: %w", i, rev, newest, err)
		}
	}
	return nil
}
