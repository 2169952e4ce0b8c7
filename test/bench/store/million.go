package main

import (
	"context"
	"fmt"
	"time"

	"kaji.dev/kaji/test/bench/process"
)

const (
	// fillEach is how many keys are written in one transaction of the row million.
	fillEach = 16
	// afterFill is how many writes follow one by one, more than either side keeps of its log in memory: so it is not full of
	// the large transactions of the load.
	afterFill = 20_000
)

// millionKeys measures what members hold and how long they take to start, with very many keys of 1 KiB.
func (b *bench) millionKeys(ctx context.Context, sides []side) error {
	for _, s := range sides {
		if err := b.fillMany(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	if err := pause(ctx, b.p.settle); err != nil {
		return err
	}
	for _, s := range sides {
		if err := b.memory(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	for range b.p.starts {
		for _, s := range sides {
			took, err := b.restart(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name(), err)
			}
			b.table.figure(s, fmt.Sprintf("start of a member with %d keys of 1 KiB: s until it serves all of them", b.p.million), 1, took.Seconds())
		}
	}
	return nil
}

func (b *bench) fillMany(ctx context.Context, s side) error {
	conns, closeAll, err := connect(ctx, s, b.p.connections)
	if err != nil {
		return err
	}
	defer closeAll()
	name, value := func(i int) string { return key("million", i) }, values(1024)
	begin := time.Now()
	if err := fillKeys(ctx, conns, b.p.million, fillEach, name, value); err != nil {
		return err
	}
	b.table.figure(s, fmt.Sprintf("%d keys of 1 KiB written, %d to a transaction: s", b.p.million, fillEach), 0, time.Since(begin).Seconds())
	if err := together(ctx, 64, afterFill, func(ctx context.Context, c, i int) error {
		return conns[c%len(conns)].put(ctx, name(i), value(i+1))
	}); err != nil {
		return err
	}
	return conns[0].compact(ctx)
}

func (b *bench) memory(ctx context.Context, s side) error {
	leader, err := findLeader(ctx, s)
	if err != nil {
		return err
	}
	var leads, largest process.Memory
	for i, p := range s.servers() {
		m, err := p.Memory()
		if err != nil {
			return err
		}
		if i == leader {
			leads = m
		}
		if m.Resident > largest.Resident {
			largest = m
		}
	}
	what := fmt.Sprintf("memory with %d keys of 1 KiB: resident MiB of ", b.p.million)
	b.table.figure(s, what+"the leader", 1, mib(leads.Resident))
	b.table.figure(s, what+"the largest member", 1, mib(largest.Resident))
	b.table.note("%s: of the leader's resident memory %.0f MiB are anonymous and %.0f MiB pages of files; the most it had while it was filled is %.0f MiB",
		s.name(), mib(leads.Anonymous), mib(leads.File), mib(leads.Peak))
	return nil
}

// restart stops a member that does not lead, and measures from exec until a serializable read at it, which it answers from its own
// memory, sees all that had been written.
func (b *bench) restart(ctx context.Context, s side) (time.Duration, error) {
	leader, err := findLeader(ctx, s)
	if err != nil {
		return 0, err
	}
	newest, err := s.applied(ctx, leader)
	if err != nil {
		return 0, err
	}
	member := (leader + 1) % members
	s.servers()[member].Stop()
	begin := time.Now()
	if err := s.startMember(member); err != nil {
		return 0, err
	}
	for {
		try, done := context.WithTimeout(ctx, time.Second)
		rev, err := s.applied(try, member)
		done()
		if err == nil && rev >= newest {
			return time.Since(begin), nil
		}
		if time.Since(begin) > 2*time.Minute {
			return 0, fmt.Errorf("the member is at %d of %d after %s: %w", rev, newest, time.Since(begin), err)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return 0, err
		}
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
