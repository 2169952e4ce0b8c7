package flowcontrol

import (
	"cmp"
	"slices"
)

// pool hands out seats. It is not locked, knows no time, and decides only by what it was told before.
type pool struct {
	total  int
	levels []*level
	// taken is how many seats nobody else may have: those in use, and those that levels keep for themselves.
	taken int
	// waiting is how many calls wait in all levels.
	waiting int
	// settled are the calls that no longer wait, since the owner last emptied it.
	settled []*request
	clock   uint64 // of arrivals
}

// level is one level's part of the pool.
type level struct {
	Level
	guaranteed int // seats that it gets before anybody borrows
	reserved   int // of these, what is never lent
	used       int // seats in use
	flows      map[string]*flow
	ready      flows // flows with calls that wait
	queued     int
	bytes      int // of the requests that wait
	maxBytes   int
	virtual    uint64 // turn of the flow that was served last
	spare      []*flow

	// What happened, for metrics.
	executing  int
	dispatched uint64
	turnedAway map[string]uint64
}

// state is what became of a call.
type state int

const (
	queued state = iota
	executing
	rejected // never let in
	evicted  // its place in the queue went to another flow
	gone     // it gave up
)

// Why calls are turned away; also the label of the metric.
const (
	reasonFull     = "queue-full"
	reasonBytes    = "queue-bytes"
	reasonEvicted  = "evicted"
	reasonTimeout  = "timeout"
	reasonCanceled = "canceled"
)

// request is one call.
type request struct {
	level *level
	flow  *flow
	seats int
	bytes int
	state state
	why   string        // when rejected or evicted
	order uint64        // of arrival
	wake  chan struct{} // for the shell; the pool never touches it
}

// maxSeats is the most that one call is counted for.
const maxSeats = 10

// newPool divides seats between levels.
func newPool(seats int, levels []Level, maxBytes int) *pool {
	p := &pool{total: seats}
	shares := 0
	for _, l := range levels {
		shares += l.Shares
	}
	for _, l := range levels {
		guaranteed := max(1, seats*l.Shares/shares)
		one := &level{
			Level: l, guaranteed: guaranteed, reserved: guaranteed * (100 - l.Lendable) / 100,
			flows: map[string]*flow{}, maxBytes: maxBytes, turnedAway: map[string]uint64{},
		}
		p.levels = append(p.levels, one)
		p.taken += one.reserved
	}
	return p
}

// arrive takes a call in: it is executing, queued, or rejected when this returns. bytes is asked for only when it has
// to wait.
func (p *pool) arrive(r *request, l *level, name string, seats int, bytes func() int) {
	p.clock++
	r.level, r.order = l, p.clock
	r.seats = min(max(seats, 1), maxSeats, l.guaranteed)
	if l.queued == 0 && (p.extra(l, r.seats) == 0 || p.waiting == 0 && p.fits(l, r.seats)) {
		r.flow = l.flow(name)
		p.grant(r)
		return
	}
	r.bytes = bytes()
	if l.bytes+r.bytes > l.maxBytes {
		p.reject(r, reasonBytes)
		return
	}
	f := l.flow(name)
	if l.queued >= l.QueueLength && !p.makeRoom(l, f) {
		l.release(f)
		p.reject(r, reasonFull)
		return
	}
	r.flow, r.state = f, queued
	f.queue = append(f.queue, r)
	l.queued++
	l.bytes += r.bytes
	p.waiting++
	l.ready.update(f)
	p.dispatch()
}

func (p *pool) reject(r *request, why string) {
	r.state, r.why = rejected, why
	r.level.turnedAway[why]++
}

// makeRoom takes the latest call of the flow with the most that wait out of the queue, when that has more than f.
func (p *pool) makeRoom(l *level, f *flow) bool {
	if len(l.ready) == 0 {
		return false
	}
	longest := slices.MaxFunc(l.ready, func(a, b *flow) int { return cmp.Compare(len(a.queue), len(b.queue)) })
	if len(longest.queue) <= len(f.queue)+1 {
		return false
	}
	last := longest.queue[len(longest.queue)-1]
	p.remove(last)
	last.state, last.why = evicted, reasonEvicted
	l.turnedAway[reasonEvicted]++
	p.settled = append(p.settled, last)
	return true
}

// giveUp takes a call out of the queue that will wait no longer. False when it does not wait.
func (p *pool) giveUp(r *request, why string) bool {
	if r.state != queued {
		return false
	}
	p.remove(r)
	r.state, r.why = gone, why
	r.level.turnedAway[why]++
	p.dispatch() // what stood behind it may be smaller
	return true
}

// remove takes a call out of its queue.
func (p *pool) remove(r *request) {
	l, f := r.level, r.flow
	at := slices.Index(f.queue, r)
	f.queue = slices.Delete(f.queue, at, at+1)
	l.queued--
	l.bytes -= r.bytes
	p.waiting--
	l.ready.update(f)
	l.release(f)
}

// finish gives the seats of a call back.
func (p *pool) finish(r *request) {
	l, f := r.level, r.flow
	p.use(l, -r.seats)
	l.executing--
	f.used -= r.seats
	l.ready.update(f)
	l.release(f)
	p.dispatch()
}

// dispatch seats calls for as long as one can be. Levels take turns by how much of their guaranteed part they use. The
// level whose turn it is keeps seats from being borrowed by others until its call fits, or one that takes many seats
// would never get them; what a level has reserved it may use all the same.
func (p *pool) dispatch() {
	for p.waiting > 0 {
		var next *level
		for _, l := range p.levels {
			if l.queued == 0 {
				continue
			}
			if p.extra(l, l.head().seats) == 0 {
				next = l
				break
			}
			if next == nil || l.used*next.guaranteed < next.used*l.guaranteed {
				next = l
			}
		}
		r := next.head()
		if !p.fits(next, r.seats) {
			return
		}
		r.flow.queue = slices.Delete(r.flow.queue, 0, 1)
		next.queued--
		next.bytes -= r.bytes
		p.waiting--
		p.grant(r)
		p.settled = append(p.settled, r)
	}
}

// grant seats a call that is in no queue.
func (p *pool) grant(r *request) {
	l, f := r.level, r.flow
	r.state = executing
	p.use(l, r.seats)
	l.executing++
	l.dispatched++
	f.used += r.seats
	l.virtual = max(l.virtual, f.turn)
	f.turn = l.virtual + uint64(r.seats)
	l.ready.update(f)
}

// extra is how many seats a call would take beyond what its level has for itself already.
func (p *pool) extra(l *level, seats int) int {
	return max(l.used+seats, l.reserved) - max(l.used, l.reserved)
}

func (p *pool) fits(l *level, seats int) bool { return p.taken+p.extra(l, seats) <= p.total }

func (p *pool) use(l *level, seats int) {
	before := max(l.used, l.reserved)
	l.used += seats
	p.taken += max(l.used, l.reserved) - before
}

// head is the call that the level would seat next.
func (l *level) head() *request { return l.ready[0].queue[0] }
