// Package relist keeps the agent's picture of the runtime: it lists this node's
// sandboxes and containers every so often, compares with what it saw before, and
// tells of each pod that has changed.
//
// It owns the rhythm: about once a second where the runtime tells no events (one
// listing of sandboxes and one of containers for the whole node), rarely where it
// does, and at once when somebody asks. It refuses to interpret: no statuses, no
// decisions. All methods may be called concurrently; deliveries come from one
// goroutine, in the order of the listings.
package relist

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// Runtime is what is listed.
type Runtime interface {
	Sandboxes(ctx context.Context, podUID string) ([]observed.Sandbox, error)
	Containers(ctx context.Context, podUID string) ([]observed.Container, error)
	// Events calls wake with the uid of each pod of which the runtime tells an
	// event, until ctx ends or the stream breaks.
	Events(ctx context.Context, wake func(podUID string)) error
}

// Deliver is told of a pod that has changed. Began is when the listing was begun:
// what has been done to the pod after that is not in it.
type Deliver func(pod observed.Pod, began time.Time)

// The rhythm of listings.
const (
	plain     = time.Second            // without events
	quick     = 100 * time.Millisecond // for a while after something was done
	quickFor  = 3 * time.Second
	withEvent = 30 * time.Second // with events, in case one was lost
	leastGap  = 50 * time.Millisecond
	timeout   = 30 * time.Second
	// unsupported is the wait before a runtime without events is asked again.
	unsupported = 10 * time.Minute
)

// Lister does the listing. Make it with New; run it with Run.
type Lister struct {
	runtime Runtime
	clock   clock.Clock
	log     hclog.Logger
	deliver Deliver
	poke    chan struct{}

	// mu guards what follows; nothing else is locked or called while it is held.
	mu       sync.Mutex
	forced   map[string]bool // pods to deliver even if they have not changed
	all      bool            // deliver all of them
	latest   map[string]observed.Pod
	quickTil time.Time
	events   bool
	lastOK   time.Time
	lastErr  error
}

// New makes a lister.
func New(runtime Runtime, clk clock.Clock, log hclog.Logger, deliver Deliver) *Lister {
	return &Lister{runtime: runtime, clock: clk, log: log, deliver: deliver, poke: make(chan struct{}, 1), forced: map[string]bool{}, latest: map[string]observed.Pod{}}
}

// Wake asks for a listing soon, after which the pod is delivered whether it has
// changed or not.
func (l *Lister) Wake(podUID string) {
	l.mu.Lock()
	l.forced[podUID] = true
	l.mu.Unlock()
	select {
	case l.poke <- struct{}{}:
	default:
	}
}

// Acted says that something was done in the runtime: for a short time the
// listings come quicker, to see soon how it goes on.
func (l *Lister) Acted() {
	l.mu.Lock()
	l.quickTil = l.clock.Now().Add(quickFor)
	l.mu.Unlock()
}

// Latest is what the last listing had of a pod.
func (l *Lister) Latest(podUID string) observed.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, ok := l.latest[podUID]
	if !ok {
		p.UID = podUID
	}
	return p
}

// All is what the last listing had.
func (l *Lister) All() map[string]observed.Pod {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]observed.Pod, len(l.latest))
	for k, v := range l.latest {
		out[k] = v
	}
	return out
}

// Health tells when a listing last succeeded, and how the last one failed if it did.
func (l *Lister) Health() (lastOK time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastOK, l.lastErr
}

// Once lists now, without delivering: how the agent learns at its start what is there.
func (l *Lister) Once(ctx context.Context) error {
	now, err := l.list(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lastErr = err
	if err != nil {
		return err
	}
	l.lastOK = l.clock.Now()
	l.latest = now
	return nil
}

// Run lists until ctx ends.
func (l *Lister) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { l.follow(ctx) })
	defer wg.Wait()
	for {
		l.pass(ctx)
		timer := l.clock.NewTimer(l.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
			continue
		case <-l.poke:
			timer.Stop()
		}
		gap := l.clock.NewTimer(leastGap) // let pokes gather
		select {
		case <-ctx.Done():
			gap.Stop()
			return
		case <-gap.C():
		}
	}
}

func (l *Lister) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.events && l.lastErr == nil:
		return withEvent
	case l.clock.Now().Before(l.quickTil):
		return quick
	default:
		return plain
	}
}

func (l *Lister) pass(ctx context.Context) {
	began := l.clock.Now()
	l.mu.Lock()
	forced, all := l.forced, l.all
	l.forced, l.all = map[string]bool{}, false
	l.mu.Unlock()
	now, err := l.list(ctx)
	l.mu.Lock()
	if err != nil {
		for uid := range forced {
			l.forced[uid] = true
		}
		l.all = l.all || all
		first := l.lastErr == nil
		l.lastErr = err
		l.mu.Unlock()
		if first && ctx.Err() == nil {
			l.log.Error("cannot list the runtime's pods", "error", err)
		}
		return
	}
	if l.lastErr != nil {
		l.log.Info("the runtime answers again")
	}
	l.lastErr, l.lastOK = nil, l.clock.Now()
	old := l.latest
	l.latest = now
	l.mu.Unlock()
	for uid, p := range now {
		if all || forced[uid] || !same(old[uid], p) {
			l.deliver(p, began)
		}
	}
	for uid, p := range old {
		if _, still := now[uid]; !still {
			l.deliver(observed.Pod{UID: uid, Namespace: p.Namespace, Name: p.Name}, began)
		}
	}
	for uid := range forced {
		if _, is := now[uid]; !is {
			if _, was := old[uid]; !was {
				l.deliver(observed.Pod{UID: uid}, began)
			}
		}
	}
}

func (l *Lister) list(ctx context.Context) (map[string]observed.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// Containers first: a container is never listed without its sandbox.
	containers, err := l.runtime.Containers(ctx, "")
	if err != nil {
		return nil, err
	}
	sandboxes, err := l.runtime.Sandboxes(ctx, "")
	if err != nil {
		return nil, err
	}
	return observed.Group(sandboxes, containers), nil
}

// follow turns the runtime's events into wakes. A runtime without events makes it
// end; a broken stream is opened again.
func (l *Lister) follow(ctx context.Context) {
	for wait := time.Second; ctx.Err() == nil; wait = max(wait, min(2*wait, time.Minute)) {
		err := l.runtime.Events(ctx, func(uid string) {
			l.mu.Lock()
			l.events = true
			l.mu.Unlock()
			l.Wake(uid)
		})
		l.mu.Lock()
		had := l.events
		l.events = false
		l.all = l.all || had // events may have been lost
		l.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		switch {
		case had:
			wait = time.Second
		case cri.IsUnsupported(err):
			wait = unsupported // it may be replaced by a newer one some day
		}
		l.log.Debug("no events from the runtime", "error", err)
		timer := l.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

// same tells whether two listings of a pod show the same.
func same(a, b observed.Pod) bool {
	return slices.EqualFunc(a.Sandboxes, b.Sandboxes, func(x, y observed.Sandbox) bool { return x.ID == y.ID && x.Ready == y.Ready }) &&
		slices.EqualFunc(a.Containers, b.Containers, func(x, y observed.Container) bool { return x.ID == y.ID && x.State == y.State })
}
