package watchcache

import (
	"strings"
	"sync"

	"github.com/google/btree"
	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
)

// Cache holds the objects of one kind and the recent changes to them.
type Cache struct {
	kind     *kind.Kind
	cfg      Config
	log      hclog.Logger
	progress *progress

	// mu guards all below. It is taken before a Watcher's own lock, never after.
	mu       sync.RWMutex
	tree     *btree.BTreeG[*Entry]
	index    index
	history  *history
	applied  int64 // revision of the newest change in the tree, or that of the load
	watchers watchers
}

func newCache(k *kind.Kind, cfg Config, p *progress, log hclog.Logger) *Cache {
	return &Cache{
		kind: k, cfg: cfg, log: log.With("kind", k.String()), progress: p,
		tree: newTree(), index: newIndex(k), history: newHistory(cfg.MaxEvents, cfg.MaxBytes), watchers: watchers{},
	}
}

func newTree() *btree.BTreeG[*Entry] {
	return btree.NewG(32, func(a, b *Entry) bool { return a.Key < b.Key })
}

// replace sets the whole content as of a revision. Whoever watches has to list again.
func (c *Cache) replace(kvs []*storev1.KeyValue, revision int64) {
	tree, index := newTree(), newIndex(c.kind)
	for _, kv := range kvs {
		if e := c.decode(kv); e != nil {
			tree.ReplaceOrInsert(e)
			index.replace(nil, e)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tree, c.index, c.applied = tree, index, revision
	c.history.reset(revision)
	c.watchers.each(func(w *Watcher) {
		w.end(apierror.Expired("the server lost the history of changes; list again"))
	})
	c.watchers = watchers{}
}

// decode is nil for bytes that are no object of the kind. They are reported and left alone: that one object
// is invisible, and everything else is served.
func (c *Cache) decode(kv *storev1.KeyValue) *Entry {
	e, err := c.NewEntry(kv)
	if err != nil {
		c.log.Error("undecodable object in the store", "key", string(kv.GetKey()), "revision", kv.GetModRevision(), "error", err)
		return nil
	}
	return e
}

// apply takes over changes of whole revisions, in order.
func (c *Cache) apply(changes []*storev1.Event) {
	entries := make([]*Entry, len(changes))
	for i, ev := range changes {
		if ev.GetType() == storev1.EventType_EVENT_TYPE_PUT {
			entries[i] = c.decode(ev.GetKv())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, ev := range changes {
		revision := ev.GetKv().GetModRevision()
		entry := entries[i]
		var previous *Entry
		if entry != nil {
			previous, _ = c.tree.ReplaceOrInsert(entry)
		} else {
			previous, _ = c.tree.Delete(&Entry{Key: string(ev.GetKv().GetKey())})
		}
		c.applied = revision
		c.index.replace(previous, entry)
		if entry == nil && previous == nil {
			continue
		}
		e := newEvent(c.history.lastSeq+1, revision, entry, previous)
		c.history.add(e)
		c.watchers.dispatch(e)
	}
}

// revision is what the content under the lock can be called: nothing of the kind changed between the newest
// change applied and what all caches have reached.
func (c *Cache) revision() int64 { return max(c.applied, c.progress.revision.Load()) }

// Get finds one object; nil when there is none. It is as fresh as the cache is: see Caches.Fresh.
func (c *Cache) Get(key string) *Entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, _ := c.tree.Get(&Entry{Key: key})
	return e
}

// FindWrite looks for the write of a key, after a revision, that bears a mark. It is known to have happened when an
// entry is returned, and known not to have when known is true and there is none. The caches must have reached the
// newest revision it can have happened at.
func (c *Cache) FindWrite(key string, after int64, mark uint64) (e *Entry, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := c.history.count - 1; i >= 0; i-- {
		ev := c.history.at(i)
		if ev.revision <= after {
			break
		}
		if ev.entry != nil && ev.entry.Key == key && ev.entry.Mark == mark {
			return ev.entry, true
		}
	}
	return nil, after >= c.history.low
}

// Page is a part of a collection at one revision.
type Page struct {
	// Entries are the objects, by key.
	Entries []*Entry
	// Revision is what they are the state of.
	Revision int64
	// Next is the key of the first object left out by the limit; empty when none was.
	Next string
	// Remaining is how many were left out; -1 when that is not known.
	Remaining int64
}

// List reads a collection from a key on (empty for its beginning), at most limit objects (0 for all).
func (c *Cache) List(s *Selection, from string, limit int) Page {
	c.mu.RLock()
	candidates, revision := c.collect(s, from), c.revision()
	c.mu.RUnlock()
	return cut(s, candidates, revision, limit)
}

// ListAt is List as of a revision; false when objects of the kind have changed since, so that only the store knows.
func (c *Cache) ListAt(s *Selection, from string, limit int, revision int64) (Page, bool) {
	c.mu.RLock()
	if c.history.last() > revision || c.revision() < revision {
		c.mu.RUnlock()
		return Page{}, false
	}
	candidates := c.collect(s, from)
	c.mu.RUnlock()
	return cut(s, candidates, revision, limit), true
}

// collect finds all entries under the selection's prefix. The caller holds the lock.
func (c *Cache) collect(s *Selection, from string) []*Entry {
	if name, ok := s.fields.RequiresExact("metadata.name"); ok && from == "" {
		if key := s.prefix + name; s.prefix != c.kind.Prefix() {
			return c.one(key)
		} else if !c.kind.Namespaced() {
			return c.one(c.kind.Key("", name))
		}
	}
	tree := c.tree
	if value, ok := s.fields.RequiresExact(c.index.field); ok {
		tree = c.index.of(value)
	}
	var out []*Entry
	if from == "" {
		from = s.prefix
		if s.prefix == c.kind.Prefix() {
			out = make([]*Entry, 0, tree.Len())
		}
	}
	tree.AscendGreaterOrEqual(&Entry{Key: from}, func(e *Entry) bool {
		if !strings.HasPrefix(e.Key, s.prefix) {
			return false
		}
		out = append(out, e)
		return true
	})
	return out
}

func (c *Cache) one(key string) []*Entry {
	if e, ok := c.tree.Get(&Entry{Key: key}); ok {
		return []*Entry{e}
	}
	return nil
}

// cut applies the selectors and the limit to entries in order.
func cut(s *Selection, candidates []*Entry, revision int64, limit int) Page {
	p := Page{Revision: revision, Remaining: -1}
	if s.Everything() {
		p.Entries, p.Remaining = candidates, 0
		if limit > 0 && len(candidates) > limit {
			p.Entries, p.Next = candidates[:limit], candidates[limit].Key
			p.Remaining = int64(len(candidates) - limit)
		}
		return p
	}
	for _, e := range candidates {
		if !s.Matches(e) {
			continue
		}
		if limit > 0 && len(p.Entries) == limit {
			p.Next = e.Key
			return p
		}
		p.Entries = append(p.Entries, e)
	}
	return p
}

// Stats is how much a cache holds.
type Stats struct {
	Kind                       string
	Objects, Events, Watchers  int
	Revision, OldestResumption int64
}

// Stats tells how much the cache holds.
func (c *Cache) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Stats{
		Kind: c.kind.String(), Objects: c.tree.Len(), Events: c.history.count, Watchers: c.watchers.count(),
		Revision: c.revision(), OldestResumption: c.history.low,
	}
}
