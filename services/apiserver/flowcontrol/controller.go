package flowcontrol

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"kaji.dev/kaji/apierror"
)

// Clock is what the controller needs of time.
type Clock interface {
	Now() time.Time
	NewTimer(d time.Duration) clock.Timer
}

// Controller lets calls in. It may be used concurrently.
type Controller struct {
	cfg     Config
	clock   Clock
	counter Counter
	methods methods
	levels  map[string]*level
	waits   *waits

	mu   sync.Mutex
	pool *pool

	streams streams
}

// Counter tells how many objects of a kind there are, by the kind's String; it must be cheap.
type Counter func(kind string) int

// New makes a controller; objects says how long lists will be, nil when that is not known.
func New(cfg Config, objects Counter, clk Clock) (*Controller, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	if objects == nil {
		objects = func(string) int { return 0 }
	}
	c := &Controller{
		cfg: cfg, clock: clk, counter: objects, methods: knownMethods(), levels: map[string]*level{},
		pool: newPool(cfg.Seats, cfg.Levels, cfg.MaxQueuedBytes), waits: newWaits(),
		streams: streams{perIdentity: cfg.StreamsPerIdentity, most: cfg.Streams, open: map[string]int{}},
	}
	for _, l := range c.pool.levels {
		c.levels[l.Name] = l
	}
	return c, nil
}

// enter returns once the call has its seats; leave gives them back.
func (c *Controller) enter(ctx context.Context, level, flow string, seats int, bytes func() int) (*request, error) {
	l := c.levels[level]
	r := &request{}
	c.mu.Lock()
	c.pool.arrive(r, l, flow, seats, bytes)
	if r.state == queued {
		r.wake = make(chan struct{})
	}
	c.settle()
	state := r.state
	c.mu.Unlock()
	switch state {
	case executing:
		return r, nil
	case queued:
		return c.wait(ctx, r, flow)
	}
	return nil, turnedAway(l, flow, r.why)
}

// wait waits for a queued call to be seated, evicted, or to have waited long enough.
func (c *Controller) wait(ctx context.Context, r *request, flow string) (*request, error) {
	start := c.clock.Now()
	timer := c.clock.NewTimer(c.cfg.MaxWait)
	defer timer.Stop()
	var gaveUp bool
	select {
	case <-r.wake:
	case <-timer.C():
		gaveUp = c.giveUp(r, reasonTimeout)
	case <-ctx.Done():
		if c.giveUp(r, reasonCanceled) {
			return nil, ctx.Err()
		}
	}
	c.waits.observe(r.level.Name, c.clock.Now().Sub(start))
	switch {
	case gaveUp:
		return nil, turnedAway(r.level, flow, reasonTimeout)
	case r.state == executing: // settled: nobody writes it any more
		return r, nil
	}
	return nil, turnedAway(r.level, flow, r.why)
}

func (c *Controller) giveUp(r *request, why string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	ok := c.pool.giveUp(r, why)
	c.settle()
	return ok
}

// leave gives the seats of a call back.
func (c *Controller) leave(r *request) {
	c.mu.Lock()
	c.pool.finish(r)
	c.settle()
	c.mu.Unlock()
}

// settle wakes the calls that wait no longer. The caller holds the lock.
func (c *Controller) settle() {
	for i, r := range c.pool.settled {
		if r.wake != nil {
			close(r.wake)
		}
		c.pool.settled[i] = nil
	}
	c.pool.settled = c.pool.settled[:0]
}

// turnedAway is the answer to a call that finds no room. The time to come back is spread, so that those turned away
// together do not return together.
func turnedAway(l *level, flow, why string) error {
	var message string
	switch why {
	case reasonTimeout:
		message = "the call waited too long for its turn"
	case reasonBytes:
		message = "too many large requests wait for their turn"
	default:
		message = "too many calls wait for their turn"
	}
	return apierror.TooManyRequests(
		fmt.Sprintf("%s (priority level %s, identity %q); try again, with fewer calls at a time", message, l.Name, flow), retryAfter())
}

func retryAfter() time.Duration { return time.Second/2 + rand.N(time.Second) }
