package flowcontrol

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func noBytes() int { return 0 }

// testPool is a pool with every call that it was told of.
type testPool struct {
	*pool
	calls []*request // executing or queued
}

func (p *testPool) arrive(l *level, flow string, seats, bytes int) *request {
	r := &request{}
	p.pool.arrive(r, l, flow, seats, func() int { return bytes })
	if r.state == executing || r.state == queued {
		p.calls = append(p.calls, r)
	}
	return r
}

func (p *testPool) in(s state) []*request {
	return slices.DeleteFunc(slices.Clone(p.calls), func(r *request) bool { return r.state != s })
}

func (p *testPool) drop(r *request) {
	p.calls = slices.DeleteFunc(p.calls, func(x *request) bool { return x == r })
}

// Whatever comes, in whatever order: seats are never given twice, everyone gets what is reserved for it, nothing waits while
// there is room for it, queues are bounded, and in a level the identity that uses the fewest seats goes first.
func TestPoolKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var levels []Level
		for i := range rapid.IntRange(1, 4).Draw(t, "levels") {
			levels = append(levels, Level{
				Name: fmt.Sprint(i), Shares: rapid.IntRange(1, 50).Draw(t, "shares"),
				Lendable: rapid.IntRange(0, 100).Draw(t, "lendable"), QueueLength: rapid.IntRange(0, 12).Draw(t, "length"),
			})
		}
		const maxBytes = 100
		p := &testPool{pool: newPool(rapid.IntRange(len(levels)*2, 60).Draw(t, "seats"), levels, maxBytes)}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			p.settled = nil
			var came *request
			switch running, waiting := p.in(executing), p.in(queued); rapid.IntRange(0, 3).Draw(t, "step") {
			default:
				l := p.levels[rapid.IntRange(0, len(p.levels)-1).Draw(t, "level")]
				came = p.arrive(l, rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "flow"),
					rapid.IntRange(0, 12).Draw(t, "cost"), rapid.IntRange(0, 40).Draw(t, "bytes"))
			case 2:
				if len(running) > 0 {
					r := rapid.SampledFrom(running).Draw(t, "finished")
					p.drop(r)
					p.finish(r)
				}
			case 3:
				if len(waiting) > 0 {
					r := rapid.SampledFrom(waiting).Draw(t, "gone")
					p.drop(r)
					if !p.giveUp(r, reasonCanceled) {
						t.Fatal("a call that waits cannot give up")
					}
				}
			}
			granted := slices.Clone(p.settled)
			if came != nil && came.state == executing && !slices.Contains(granted, came) {
				granted = append(granted, came)
			}
			for _, r := range granted {
				if r.state == evicted {
					p.drop(r)
				}
			}
			checkPool(t, p, granted)
		}
		// When nobody comes any more, everyone gets a turn.
		for len(p.calls) > 0 {
			running := p.in(executing)
			if len(running) == 0 {
				t.Fatalf("%d calls wait for ever", len(p.calls))
			}
			p.drop(running[0])
			p.finish(running[0])
		}
		for _, l := range p.levels {
			if l.used != 0 || l.queued != 0 || l.bytes != 0 || l.executing != 0 || len(l.flows) != 0 || len(l.ready) != 0 {
				t.Fatalf("level %s ends with %d seats, %d queued, %d bytes, %d flows", l.Name, l.used, l.queued, l.bytes, len(l.flows))
			}
		}
	})
}

func checkPool(t *rapid.T, p *testPool, granted []*request) {
	used, waits, bytes := map[*level]int{}, map[*level]int{}, map[*level]int{}
	for _, r := range p.calls {
		switch r.state {
		case executing:
			used[r.level] += r.seats
		case queued:
			waits[r.level]++
			bytes[r.level] += r.bytes
		default:
			t.Fatalf("a call in state %d is kept", r.state)
		}
	}
	total, taken, reserved := 0, 0, 0
	for _, l := range p.levels {
		total += used[l]
		taken += max(used[l], l.reserved)
		reserved += l.reserved
		if l.used != used[l] || l.queued != waits[l] || l.bytes != bytes[l] {
			t.Fatalf("level %s counts %d seats, %d queued, %d bytes; it has %d, %d, %d", l.Name, l.used, l.queued, l.bytes, used[l], waits[l], bytes[l])
		}
		if l.queued > l.QueueLength || l.bytes > l.maxBytes {
			t.Fatalf("level %s: %d calls with %d bytes wait", l.Name, l.queued, l.bytes)
		}
	}
	if taken != p.taken || taken > p.total || total > p.total || reserved > p.total {
		t.Fatalf("%d of %d seats are used, %d taken (counted as %d), %d reserved", total, p.total, taken, p.taken, reserved)
	}
	blocked := false
	for _, l := range p.levels {
		if l.queued == 0 {
			continue
		}
		head := l.head()
		if p.extra(l, head.seats) == 0 {
			t.Fatalf("level %s waits for what is reserved for it", l.Name)
		}
		blocked = blocked || !p.fits(l, head.seats)
		checkTurns(t, l, granted)
	}
	if p.waiting > 0 && !blocked {
		t.Fatalf("%d calls wait, and all heads would fit", p.waiting)
	}
	if p.waiting > 0 && p.total-p.taken >= maxSeats {
		t.Fatalf("%d calls wait while %d seats are free", p.waiting, p.total-p.taken)
	}
}

// checkTurns makes sure that no flow was served while one that used fewer seats waited.
func checkTurns(t *rapid.T, l *level, granted []*request) {
	last := map[*flow]*request{} // what each flow had when it was served last is known
	for _, r := range granted {
		if r.level == l && r.state == executing {
			last[r.flow] = r
		}
	}
	for _, r := range last {
		for _, f := range l.ready {
			if f != r.flow && r.flow.used-r.seats > f.used {
				t.Fatalf("level %s: %s was served with %d seats while %s waits with %d", l.Name, r.flow.name, r.flow.used-r.seats, f.name, f.used)
			}
		}
	}
}

// level makes a pool of one level.
func oneLevel(seats, queue int) (*pool, *level) {
	p := newPool(seats, []Level{{Name: "l", Shares: 1, Lendable: 100, QueueLength: queue}}, 1<<20)
	return p, p.levels[0]
}

// One identity has a thousand calls waiting; others that come with a few are served as if it had a few too.
func TestManyCallsGetNoMoreThanFew(t *testing.T) {
	p, l := oneLevel(4, 2000)
	var order []*request
	served := map[string]int{}
	come := func(name string, n, seats int) {
		for range n {
			r := &request{}
			p.arrive(r, l, name, seats, noBytes)
			if r.state == executing {
				order = append(order, r)
			}
		}
	}
	come("noisy", 1000, 1)
	come("quiet", 20, 1)
	come("lists", 20, 2)
	for served["quiet"] < 20 || served["lists"] < 20 {
		r := order[0]
		order = order[1:]
		served[r.flow.name]++
		p.finish(r)
		order = append(order, p.settled...)
		p.settled = nil
	}
	// Long lists count for two: while one of those is served, two of the others are.
	if n := served["noisy"]; n > 60 {
		t.Errorf("the noisy one was served %d times while the others were 20 times each", n)
	}
}

// What a level lends comes back call by call: under full load everyone uses its guaranteed part.
func TestLevelsGetTheirParts(t *testing.T) {
	p := newPool(100, []Level{
		{Name: "a", Shares: 50, Lendable: 100, QueueLength: 1000},
		{Name: "b", Shares: 30, Lendable: 50, QueueLength: 1000},
		{Name: "c", Shares: 20, Lendable: 0, QueueLength: 1000},
	}, 1<<20)
	var running []*request
	come := func(l *level, n int) {
		for range n {
			r := &request{}
			p.arrive(r, l, "x", 1, noBytes)
			if r.state == executing {
				running = append(running, r)
			}
		}
	}
	a, b, c := p.levels[0], p.levels[1], p.levels[2]
	come(a, 500)
	if a.used != 100-15-20 {
		t.Fatalf("alone, a uses %d seats; 15 and 20 are kept for b and c", a.used)
	}
	come(b, 500)
	come(c, 500)
	if b.used != 15 || c.used != 20 {
		t.Fatalf("b and c use %d and %d of what is kept for them", b.used, c.used)
	}
	for range 100 {
		r := running[0]
		running = running[1:]
		p.finish(r)
		running = append(running, p.settled...)
		p.settled = nil
	}
	if a.used != 50 || b.used != 30 || c.used != 20 {
		t.Errorf("under load the levels use %d, %d, %d seats of 100", a.used, b.used, c.used)
	}
}

// A full queue has room for one who has less in it than another.
func TestAFullQueueIsShared(t *testing.T) {
	p, l := oneLevel(1, 10)
	var noisy []*request
	for range 12 {
		r := &request{}
		p.arrive(r, l, "noisy", 1, noBytes)
		noisy = append(noisy, r)
	}
	if last := noisy[11]; last.state != rejected || last.why != reasonFull {
		t.Fatalf("the eleventh to wait: state %d, %s", last.state, last.why)
	}
	for i := range 5 {
		r := &request{}
		p.arrive(r, l, "quiet", 1, noBytes)
		if r.state != queued {
			t.Fatalf("call %d of one who has little in the queue: state %d", i, r.state)
		}
	}
	if last := noisy[10]; last.state != evicted {
		t.Errorf("the latest of the one with the most is in state %d", last.state)
	}
	r := &request{}
	if p.arrive(r, l, "quiet", 1, noBytes); r.state != rejected {
		t.Errorf("with even parts nobody has to yield: state %d", r.state)
	}
}
