package client

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"k8s.io/apimachinery/pkg/labels"
)

// InformerOptions say what an informer follows.
type InformerOptions struct {
	// Namespace to follow; empty for all.
	Namespace string
	// LabelSelector and FieldSelector narrow what is followed, in their text form.
	LabelSelector, FieldSelector string
	// Resync tells handlers of every object again this often (with the same object as old and new); 0 for never.
	Resync time.Duration
	// Transform trims an object before it is cached, e.g. drops what the program never reads. It may change its argument.
	Transform func(kind.Object)
	// PageSize of lists; 500 when 0.
	PageSize int64
	// Log is told of broken watches; nothing is logged when nil.
	Log hclog.Logger
}

// Informer keeps a copy of a collection up to date and tells handlers of changes. See DESIGN.md for what it promises.
type Informer[T kind.Object] struct {
	resource *Resource[T]
	options  InformerOptions
	log      hclog.Logger

	synced chan struct{} // closed when the first list is in the cache

	// mu guards what follows. It is held while a change goes to the cache and to every delivery, so that all handlers
	// see changes in the cache's order. Lock order: mu, then delivery.mu.
	mu         sync.RWMutex
	cache      *cache[T]
	observed   int64 // revision that the cache is at
	deliveries []*delivery[T]
	waiting    map[chan struct{}]int64 // by the channel to close, the revision that is waited for
	running    context.Context         // set by Run
	workers    sync.WaitGroup

	// Used by Run's goroutine only.
	revision string // to resume after; empty when a list is due
}

// NewInformer makes an informer; Run starts it.
func NewInformer[T kind.Object](r *Resource[T], options InformerOptions) *Informer[T] {
	log := options.Log
	if log == nil {
		log = hclog.NewNullLogger()
	}
	if options.PageSize == 0 {
		options.PageSize = 500
	}
	return &Informer[T]{
		resource: r,
		options:  options,
		log:      log.With("kind", r.kind.String()),
		synced:   make(chan struct{}),
		cache:    newCache[T](),
		waiting:  map[chan struct{}]int64{},
	}
}

// Run follows the collection until ctx ends, and returns once every handler has returned. It may be called once.
func (i *Informer[T]) Run(ctx context.Context) error {
	i.mu.Lock()
	if i.running != nil {
		i.mu.Unlock()
		return errors.New("client: the informer was started before")
	}
	i.running = ctx
	for _, d := range i.deliveries {
		i.workers.Go(func() { d.run(ctx) })
	}
	i.mu.Unlock()
	if i.options.Resync > 0 {
		i.workers.Go(func() { i.resync(ctx) })
	}
	i.follow(ctx)
	i.workers.Wait()
	return nil
}

// AddHandler adds a handler; it is told of every object in the cache first. It may be called at any time.
func (i *Informer[T]) AddHandler(h Handler[T]) {
	d := newDelivery(h)
	i.mu.Lock()
	defer i.mu.Unlock()
	var none T
	for _, o := range i.cache.objects {
		d.tell(false, none, o, false)
	}
	i.deliveries = append(i.deliveries, d)
	if i.running != nil && i.running.Err() == nil {
		ctx := i.running
		i.workers.Go(func() { d.run(ctx) })
	}
}

// HasSynced tells whether the cache holds a whole list.
func (i *Informer[T]) HasSynced() bool {
	select {
	case <-i.synced:
		return true
	default:
		return false
	}
}

// WaitSynced waits until the cache holds a whole list, or returns ctx's error.
func (i *Informer[T]) WaitSynced(ctx context.Context) error {
	select {
	case <-i.synced:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Revision is the revision that the cache is at: every write of this kind up to it is in the cache. A program that has
// written an object itself compares the resourceVersion it got with this to know whether it reads its own write, or waits with
// WaitFor until it does.
func (i *Informer[T]) Revision() int64 {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.observed
}

// Get reads an object from the cache. Do not change it.
func (i *Informer[T]) Get(namespace, name string) (T, bool) {
	i.mu.RLock()
	defer i.mu.RUnlock()
	o, ok := i.cache.objects[cacheKey(namespace, name)]
	return o, ok
}

// List reads the objects of a namespace (all when empty) that match the selector (all when nil), in no order. Do not change them.
func (i *Informer[T]) List(namespace string, selector labels.Selector) []T {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.cache.list(namespace, selector)
}

// ByIndex reads the objects that an index has under a value, in no order. Do not change them. It panics when there is no such index.
func (i *Informer[T]) ByIndex(name, value string) []T {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.cache.byIndex(name, value)
}

// Resource is what the informer reads, for writes and uncached reads of the same kind.
func (i *Informer[T]) Resource() *Resource[T] { return i.resource }

func (i *Informer[T]) resync(ctx context.Context) {
	for pause(ctx, jitter(2*i.options.Resync)) {
		i.mu.Lock()
		for _, o := range i.cache.objects {
			for _, d := range i.deliveries {
				d.tell(true, o, o, false)
			}
		}
		i.mu.Unlock()
	}
}

// replace makes the cache equal to a list of a revision.
func (i *Informer[T]) replace(objects []T, revision string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reached(revision)
	gone := make(map[string]struct{}, len(i.cache.objects))
	for key := range i.cache.objects {
		gone[key] = struct{}{}
	}
	for _, o := range objects {
		delete(gone, keyOf(o))
		i.put(o)
	}
	for key := range gone {
		i.remove(key, nil)
	}
	if !i.HasSynced() {
		close(i.synced)
	}
}

// reached notes the revision that the cache is at. Callers hold mu from the change on, so that nobody who was told of a
// change finds the revision behind it.
func (i *Informer[T]) reached(revision string) {
	i.revision = revision
	if n, err := strconv.ParseInt(revision, 10, 64); err == nil {
		i.observed = n
		i.wake()
	}
}

// put stores an object that was added or changed. Callers hold mu.
func (i *Informer[T]) put(o T) {
	key := keyOf(o)
	var none T
	if old, had := i.cache.objects[key]; had {
		a, b := old.GetMetadata(), o.GetMetadata()
		if a.GetUid() == b.GetUid() {
			if a.GetResourceVersion() == b.GetResourceVersion() {
				return
			}
			i.cache.put(key, o)
			for _, d := range i.deliveries {
				d.tell(true, old, o, false)
			}
			return
		}
		// The watch missed a deletion, or a list found the name taken by another object.
		i.remove(key, nil)
	}
	i.cache.put(key, o)
	for _, d := range i.deliveries {
		d.tell(false, none, o, false)
	}
}

// remove drops an object; last is its final state where known. Callers hold mu.
func (i *Informer[T]) remove(key string, last *T) {
	old, had := i.cache.remove(key)
	if !had {
		return
	}
	final := old
	if last != nil && (*last).GetMetadata().GetUid() == old.GetMetadata().GetUid() {
		final = *last
	}
	for _, d := range i.deliveries {
		d.tell(true, old, final, true)
	}
}
