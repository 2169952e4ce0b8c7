package watchcache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/raftstore"
)

// Config bounds what caches hold. Zero values mean the defaults.
type Config struct {
	// MaxEvents is how many changes of a kind are remembered; 16,384.
	MaxEvents int
	// MaxBytes is about how many bytes those may keep alive; 64 MiB.
	MaxBytes int
	// MaxQueue is how many changes may wait for one watcher before it has to be caught up; 256.
	MaxQueue int
	// Lookback is how many revisions of history are read at the start, so that watches can be resumed across
	// a restart of the server; 4,096.
	Lookback int64
	// Convert is needed for kinds with several versions.
	Convert Converter
}

func (c *Config) setDefaults() {
	if c.MaxEvents == 0 {
		c.MaxEvents = 16 << 10
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 64 << 20
	}
	if c.MaxQueue == 0 {
		c.MaxQueue = 256
	}
	if c.Lookback == 0 {
		c.Lookback = 4 << 10
	}
}

// everything is what all keys begin with.
const everything = "/"

// Caches are the caches of all kinds.
type Caches struct {
	cfg      Config
	store    raftstore.Store
	log      hclog.Logger
	byPlural map[string]*Cache
	progress progress
	newest   newest

	ready     chan struct{}
	readyOnce sync.Once
}

// New makes empty caches; Run fills them.
func New(store raftstore.Store, kinds []*kind.Kind, cfg Config, log hclog.Logger) *Caches {
	cfg.setDefaults()
	c := &Caches{
		cfg: cfg, store: store, log: log, byPlural: map[string]*Cache{},
		newest: newest{store: store}, ready: make(chan struct{}),
	}
	for _, k := range kinds {
		c.byPlural[k.String()] = newCache(k, cfg, &c.progress, log)
	}
	return c
}

// Of is the cache of a kind; nil when there is none.
func (c *Caches) Of(k *kind.Kind) *Cache { return c.byPlural[k.String()] }

// Len is how many objects of a kind, named by its String, there are; 0 for a kind without a cache.
func (c *Caches) Len(kind string) int {
	cache := c.byPlural[kind]
	if cache == nil {
		return 0
	}
	cache.mu.RLock()
	defer cache.mu.RUnlock()
	return cache.tree.Len()
}

// Each calls f with every cache.
func (c *Caches) Each(f func(*Cache)) {
	for _, cache := range c.byPlural {
		f(cache)
	}
}

// Revision is what all caches have reached.
func (c *Caches) Revision() int64 { return c.progress.revision.Load() }

// Ready returns when the caches have been filled for the first time.
func (c *Caches) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reach returns when all caches hold everything up to the revision.
func (c *Caches) Reach(ctx context.Context, revision int64) error {
	if err := c.Ready(ctx); err != nil {
		return err
	}
	return c.progress.wait(ctx, revision)
}

// Newest is the store's revision as a linearizable read sees it.
func (c *Caches) Newest(ctx context.Context) (int64, error) { return c.newest.read(ctx) }

// Fresh returns when all caches hold everything that was written before the call.
func (c *Caches) Fresh(ctx context.Context) error {
	revision, err := c.newest.read(ctx)
	if err != nil {
		return err
	}
	return c.Reach(ctx, revision)
}

// errLost says that the caches cannot go on from where they are.
var errLost = errors.New("history lost")

// Run fills the caches and keeps them up to date until ctx ends.
func (c *Caches) Run(ctx context.Context) {
	loaded := false
	delay := time.Duration(0)
	for ctx.Err() == nil {
		err := c.round(ctx, &loaded, &delay)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errLost) || errors.Is(err, raftstore.ErrCompacted) {
			loaded = false
		}
		delay = min(max(2*delay, 50*time.Millisecond), 5*time.Second)
		c.log.Warn("watch of the store ended; it will be resumed", "revision", c.Revision(), "error", err, "duration", delay)
		select {
		case <-time.After(delay/2 + rand.N(delay/2+1)):
		case <-ctx.Done():
		}
	}
}

// round loads when need be and follows the store for as long as that goes.
func (c *Caches) round(ctx context.Context, loaded *bool, delay *time.Duration) error {
	newest, err := c.newest.read(ctx)
	if err != nil {
		return err
	}
	if *loaded && newest < c.Revision() {
		// An older copy of the store was restored: what the caches hold never happened.
		return fmt.Errorf("%w: the store is at revision %d", errLost, newest)
	}
	if !*loaded {
		if err := c.load(ctx, newest); err != nil {
			return err
		}
		*loaded = true
	}
	return c.follow(ctx, newest, delay)
}

// load reads the whole store: as it was a while ago when that is still known, so that following it from there fills
// the history as well.
func (c *Caches) load(ctx context.Context, newest int64) error {
	revision := newest
	if st, err := c.store.Status(ctx, &storev1.StatusRequest{}); err == nil {
		revision = min(newest, max(st.GetCompactRevision(), newest-c.cfg.Lookback, 1))
	}
	byCache, objects, err := c.readAll(ctx, revision)
	if err != nil && revision != newest {
		revision = newest
		byCache, objects, err = c.readAll(ctx, revision)
	}
	if err != nil {
		return err
	}
	for _, cache := range c.byPlural {
		cache.replace(byCache[cache], revision)
	}
	c.progress.set(revision)
	c.log.Info("caches loaded", "revision", revision, "objects", objects)
	return nil
}

// readAll reads all objects as of a revision, for each cache its own, and counts them.
func (c *Caches) readAll(ctx context.Context, revision int64) (byCache map[*Cache][]*storev1.KeyValue, objects int, err error) {
	byCache = map[*Cache][]*storev1.KeyValue{}
	if revision == 0 {
		return byCache, 0, nil // an empty store
	}
	for piece, err := range c.store.RangeStream(ctx, &storev1.RangeRequest{
		Key: []byte(everything), RangeEnd: raftstore.Prefix([]byte(everything)), Revision: revision,
	}) {
		if err != nil {
			return nil, 0, err
		}
		objects += len(piece.GetKvs())
		for _, kv := range piece.GetKvs() {
			if cache := c.of(kv.GetKey()); cache != nil {
				byCache[cache] = append(byCache[cache], kv)
			}
		}
	}
	return byCache, objects, nil
}

// follow applies changes as they come. The caches are ready once they have reached the revision that was the newest
// when this began.
func (c *Caches) follow(ctx context.Context, newest int64, delay *time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watch, err := c.store.Watch(ctx, &storev1.WatchRequest{
		Key: []byte(everything), RangeEnd: raftstore.Prefix([]byte(everything)),
		StartRevision: c.Revision() + 1, Progress: true,
	})
	if err != nil {
		return err
	}
	for {
		if c.Revision() >= newest {
			c.readyOnce.Do(func() { close(c.ready) })
		}
		resp, err := watch.Recv()
		if err != nil {
			return err
		}
		*delay = 0
		c.apply(resp)
	}
}

// apply hands each cache its changes, one after the other, and then tells that all have them.
func (c *Caches) apply(resp *storev1.WatchResponse) {
	events := resp.GetEvents()
	for start := 0; start < len(events); {
		cache := c.of(events[start].GetKv().GetKey())
		end := start + 1
		for end < len(events) && c.of(events[end].GetKv().GetKey()) == cache {
			end++
		}
		if cache != nil {
			cache.apply(events[start:end])
		}
		start = end
	}
	if resp.GetRevision() > c.Revision() {
		c.progress.set(resp.GetRevision())
	}
}

// of is the cache that a key belongs to; nil for keys of no kind.
func (c *Caches) of(key []byte) *Cache {
	plural, _, ok := strings.Cut(strings.TrimPrefix(string(key), everything), "/")
	if !ok {
		return nil
	}
	return c.byPlural[plural]
}
