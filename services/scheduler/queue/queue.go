// Package queue holds the pods that wait for a node, and decides which is tried next and when one is tried again.
//
// It owns every pod between the moment it is first seen unbound and the moment it is reported bound or deleted: each is in exactly one
// place (see State). It refuses to talk to anyone: changes of the cluster are told to it, time comes from a function, randomness from a seed.
// All methods may be called concurrently, but Pop by one goroutine at a time.
package queue

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Hints is what the queue asks the plugins; framework.Profile answers.
type Hints interface {
	// Gate returns why the pod must not be tried yet; nil when it may.
	Gate(p *framework.PodInfo) *framework.Status
	// Concerns tells whether the change can matter to the plugin, whatever the pod.
	Concerns(plugin string, c *framework.Change) bool
	// Helps tells whether the change can turn the plugin's rejection of the pod.
	Helps(plugin string, p *framework.PodInfo, c *framework.Change) bool
}

// Config has the queue's settings; the zero value of each field stands for its default.
type Config struct {
	// InitialBackoff is the wait after the first failure; it doubles with each. Default 1 s.
	InitialBackoff time.Duration
	// MaxBackoff is the longest wait. Default 10 s.
	MaxBackoff time.Duration
	// MaxUnschedulable is how long a pod is left alone when no change seems to help. Default 5 min.
	MaxUnschedulable time.Duration
	// Seed of the jitter.
	Seed uint64
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Queue is the queue of pending pods.
type Queue struct {
	hints Hints
	cfg   Config

	mu      sync.Mutex
	rng     *rand.Rand
	entries map[string]*entry // by uid
	active  entryHeap         // by priority, then time
	backoff entryHeap         // by end of back-off
	// rejected has the unschedulable pods by the plugins that rejected them.
	rejected map[string]map[*entry]struct{}
	trying   map[*entry]struct{}
	counts   [states]int
	// events since the oldest of trying was popped; first is the number of events[0].
	events []*framework.Change
	first  uint64
	seq    uint64 // breaks ties of time
	wake   chan struct{}
}

// New returns an empty queue.
func New(hints Hints, cfg Config) *Queue {
	if cfg.InitialBackoff == 0 {
		cfg.InitialBackoff = time.Second
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = 10 * time.Second
	}
	if cfg.MaxUnschedulable == 0 {
		cfg.MaxUnschedulable = 5 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	q := &Queue{
		hints: hints, cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x9e3779b97f4a7c15)),
		entries: map[string]*entry{}, rejected: map[string]map[*entry]struct{}{}, trying: map[*entry]struct{}{},
		wake: make(chan struct{}, 1),
	}
	q.active.less = byPriority
	q.backoff.less = byReadyAt
	return q
}

// Add takes in a pod, or a newer version of one it has.
func (q *Queue) Add(p *framework.PodInfo) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.entries[p.UID]; ok {
		q.update(e, p)
		return
	}
	e := &entry{pod: p, index: -1, since: q.cfg.Now()}
	q.entries[p.UID] = e
	e.gate = q.hints.Gate(p)
	if e.gate != nil {
		q.enter(e, Gated)
		return
	}
	q.activate(e)
}

// Update replaces a pod it has by a newer version; pods it does not have are not taken in.
func (q *Queue) Update(p *framework.PodInfo) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.entries[p.UID]; ok {
		q.update(e, p)
	}
}

// Delete drops a pod wherever it is. A decision about it that is under way comes to nothing when it is handed back.
func (q *Queue) Delete(uid string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e, ok := q.entries[uid]; ok {
		q.leave(e)
		delete(q.entries, uid)
	}
}

// Done drops a pod that is bound.
func (q *Queue) Done(uid string) { q.Delete(uid) }

// Binding notes that a node was chosen for a pod that was popped; it stays known until Done, Delete or Requeue. It returns false when the pod was deleted
// meanwhile, and then the decision must be undone.
func (q *Queue) Binding(uid string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.entries[uid]
	if !ok || e.state != Trying {
		return false
	}
	q.leave(e)
	q.enter(e, Binding)
	return true
}

// Requeue takes back a pod that was popped and has no node, with the plugins that rejected it. Without plugins (something failed) it is tried again after its
// back-off; otherwise when a change can help, including those that happened while it was tried.
func (q *Queue) Requeue(uid string, rejectedBy []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.entries[uid]
	if !ok || (e.state != Trying && e.state != Binding) {
		return
	}
	again := len(rejectedBy) == 0 || e.changed || e.state == Binding
	for i := e.popped; !again && i < q.first+uint64(len(q.events)); i++ {
		again = q.helps(e.pod, rejectedBy, q.events[i-q.first])
	}
	q.leave(e)
	e.changed = false
	e.since = q.cfg.Now()
	e.readyAt = e.since.Add(q.backoffOf(e.attempts))
	if again {
		e.rejectedBy = nil
		q.enter(e, Backoff)
		return
	}
	e.rejectedBy = rejectedBy
	q.enter(e, Unschedulable)
}

// Observe tells the queue about a change of the cluster: the pods it can help are tried again, once their back-off is over.
func (q *Queue) Observe(c *framework.Change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.trying) > 0 {
		q.events = append(q.events, c)
	}
	var helped []*entry
	for plugin, pods := range q.rejected {
		if len(pods) == 0 || !q.hints.Concerns(plugin, c) {
			continue
		}
		for e := range pods {
			if q.hints.Helps(plugin, e.pod, c) {
				helped = append(helped, e)
			}
		}
	}
	q.retryAll(helped)
}

// Flush tries again the pods that no change has helped for MaxUnschedulable: a guard against hints that are too narrow.
func (q *Queue) Flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	limit := q.cfg.Now().Add(-q.cfg.MaxUnschedulable)
	var stale []*entry
	for _, e := range q.entries {
		if e.state == Unschedulable && e.since.Before(limit) {
			stale = append(stale, e)
		}
	}
	q.retryAll(stale)
}

// retryAll moves unschedulable pods in the order in which they became so; the list may name one twice.
func (q *Queue) retryAll(list []*entry) {
	slices.SortFunc(list, func(a, b *entry) int {
		if c := a.since.Compare(b.since); c != 0 {
			return c
		}
		return cmp.Compare(a.seq, b.seq)
	})
	for _, e := range list {
		if e.state == Unschedulable {
			q.retry(e)
		}
	}
}

func (q *Queue) helps(p *framework.PodInfo, plugins []string, c *framework.Change) bool {
	for _, plugin := range plugins {
		if q.hints.Concerns(plugin, c) && q.hints.Helps(plugin, p, c) {
			return true
		}
	}
	return false
}

// update replaces the pod of an entry and lets a changed pod be tried again.
func (q *Queue) update(e *entry, p *framework.PodInfo) {
	changed := specChanged(e.pod, p)
	e.pod = p
	switch e.state {
	case Gated:
		if e.gate = q.hints.Gate(p); e.gate == nil {
			q.leave(e)
			q.activate(e)
		}
	case Active:
		heap.Fix(&q.active, e.index)
	case Trying, Binding:
		e.changed = e.changed || changed
	case Unschedulable:
		if changed {
			q.retry(e)
		}
	}
}

// retry moves an unschedulable pod to where it is tried again.
func (q *Queue) retry(e *entry) {
	q.leave(e)
	e.rejectedBy = nil
	if q.cfg.Now().Before(e.readyAt) {
		q.enter(e, Backoff)
		return
	}
	q.activate(e)
}

func (q *Queue) activate(e *entry) {
	e.queued = q.cfg.Now()
	q.seq++
	e.seq = q.seq
	q.enter(e, Active)
}

// backoffOf returns the wait after so many tries: doubling from the first, give or take a tenth, never over the maximum.
func (q *Queue) backoffOf(attempts int) time.Duration {
	d := q.cfg.InitialBackoff
	for i := 1; i < attempts && d < q.cfg.MaxBackoff; i++ {
		d *= 2
	}
	d = time.Duration(float64(d) * (0.9 + 0.2*q.rng.Float64()))
	return min(d, q.cfg.MaxBackoff)
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
