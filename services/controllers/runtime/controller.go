// Package runtime is the small base that every controller stands on: a queue of keys, workers, shared informers.
//
// It owns when a controller's Reconcile is called: for every key that a handler enqueued, again after an error with
// growing delay, again when asked, and for every key there is at the start. It never runs two calls for one key at a
// time. It knows nothing of what controllers do. A panic in Reconcile becomes an error of that key.
//
// Enqueue may be called concurrently and at any time; Run once.
package runtime

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"k8s.io/client-go/util/workqueue"
)

// Key names an object; the namespace is empty for cluster-wide kinds.
type Key struct {
	Namespace, Name string
}

func (k Key) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

// KeyOf is the key of an object.
func KeyOf(o kind.Object) Key {
	m := o.GetMetadata()
	return Key{Namespace: m.GetNamespace(), Name: m.GetName()}
}

// Result says when to look at a key again although nothing happened; never when RequeueAfter is 0.
type Result struct {
	RequeueAfter time.Duration
}

// Synced is what a controller waits for before it starts: an informer.
type Synced interface {
	WaitSynced(ctx context.Context) error
}

// Delays between attempts of a key that fails.
const (
	failureBase = 5 * time.Millisecond
	failureMost = time.Minute
)

// Config describes a controller.
type Config[K comparable] struct {
	// Name for logs and metrics.
	Name string
	// Workers is how many keys are worked on at once; 1 when 0.
	Workers int
	// Reconcile makes the world of one key as it should be. It is idempotent, and reads what it needs anew each time.
	Reconcile func(ctx context.Context, key K) (Result, error)
	// Inputs are waited for before the first key.
	Inputs []Synced
	// Keys lists what the full pass at the start visits; called when the inputs are synced. Nil for no pass.
	Keys func() []K
}

// Controller calls Reconcile for keys.
type Controller[K comparable] struct {
	config  Config[K]
	queue   workqueue.TypedRateLimitingInterface[K]
	log     hclog.Logger
	metrics *Metrics
}

// NewController makes a controller; Run starts it. metrics may be nil.
func NewController[K comparable](config Config[K], metrics *Metrics, log hclog.Logger) *Controller[K] {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[K](failureBase, failureMost)
	c := &Controller[K]{
		config: config,
		// Unnamed: the queue's own metrics would go to a global registry.
		queue:   workqueue.NewTypedRateLimitingQueue(limiter),
		log:     log.Named(config.Name),
		metrics: metrics,
	}
	metrics.watchDepth(config.Name, c.queue.Len)
	return c
}

// Name is the controller's name.
func (c *Controller[K]) Name() string { return c.config.Name }

// Enqueue has a key looked at.
func (c *Controller[K]) Enqueue(key K) { c.queue.Add(key) }

// EnqueueAfter has a key looked at after a while.
func (c *Controller[K]) EnqueueAfter(key K, after time.Duration) { c.queue.AddAfter(key, after) }

// Run works until ctx ends, and returns when the last call of Reconcile has.
func (c *Controller[K]) Run(ctx context.Context) error {
	defer c.metrics.forgetDepth(c.config.Name)
	defer c.queue.ShutDown()
	for _, input := range c.config.Inputs {
		if err := input.WaitSynced(ctx); err != nil {
			return nil
		}
	}
	if c.config.Keys != nil {
		for _, key := range c.config.Keys() {
			c.queue.Add(key)
		}
	}
	c.log.Info("started", "workers", max(c.config.Workers, 1))
	var workers sync.WaitGroup
	for range max(c.config.Workers, 1) {
		workers.Go(func() {
			for c.next(ctx) {
			}
		})
	}
	<-ctx.Done()
	c.queue.ShutDown()
	workers.Wait()
	c.log.Info("stopped")
	return nil
}

func (c *Controller[K]) next(ctx context.Context) bool {
	key, shutdown := c.queue.Get()
	if shutdown || ctx.Err() != nil {
		return false
	}
	defer c.queue.Done(key)
	began := time.Now()
	result, err := c.reconcile(ctx, key)
	took := time.Since(began)
	switch {
	case err == nil:
		c.queue.Forget(key)
		if result.RequeueAfter > 0 {
			c.queue.AddAfter(key, result.RequeueAfter)
		}
		c.metrics.observe(c.config.Name, "success", took)
	case ctx.Err() != nil:
		// Stopping; the next leader does it.
	case apierror.IsConflict(err):
		// The object changed meanwhile: the cache will have it in a moment.
		c.queue.AddRateLimited(key)
		c.metrics.observe(c.config.Name, "conflict", took)
		c.log.Debug("conflict, again", "key", key, "error", err)
	default:
		c.queue.AddRateLimited(key)
		c.metrics.observe(c.config.Name, "error", took)
		c.log.Warn("reconcile failed", "key", key, "error", err, "attempt", c.queue.NumRequeues(key), "duration", took)
	}
	return true
}

func (c *Controller[K]) reconcile(ctx context.Context, key K) (result Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.metrics.panicked(c.config.Name)
			c.log.Error("reconcile panicked", "key", key, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.config.Reconcile(ctx, key)
}
