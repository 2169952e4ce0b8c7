package client

import (
	"fmt"
	"slices"

	"kaji.dev/kaji/kind"

	"k8s.io/apimachinery/pkg/labels"
)

// Lister reads a cache; an Informer is one. Take it where code only reads, so that tests can hand in objects (NewLister). What
// it returns is shared: clone to edit.
type Lister[T kind.Object] interface {
	// Get reads an object.
	Get(namespace, name string) (T, bool)
	// List reads the objects of a namespace (all when empty) that match the selector (all when nil), in no order.
	List(namespace string, selector labels.Selector) []T
	// ByIndex reads the objects that an index has under a value, in no order. It panics when there is no such index.
	ByIndex(name, value string) []T
}

var _ Lister[kind.Object] = (*Informer[kind.Object])(nil)

// Indexes are index functions by name, as in Informer.AddIndex.
type Indexes[T kind.Object] map[string]func(T) []string

// NewLister makes a Lister of objects that never change.
func NewLister[T kind.Object](indexes Indexes[T], objects ...T) Lister[T] {
	c := newCache[T]()
	for name, of := range indexes {
		c.addIndex(name, of)
	}
	for _, o := range objects {
		c.put(keyOf(o), o)
	}
	return still[T]{c}
}

type still[T kind.Object] struct{ cache *cache[T] }

func (s still[T]) Get(namespace, name string) (T, bool) {
	o, ok := s.cache.objects[cacheKey(namespace, name)]
	return o, ok
}

func (s still[T]) List(namespace string, selector labels.Selector) []T {
	return s.cache.list(namespace, selector)
}

func (s still[T]) ByIndex(name, value string) []T { return s.cache.byIndex(name, value) }

// AddIndex adds an index under a name. of must be a pure function of the object. The same object may be under several
// values, or none. A name that is there already gets the new function: those who share an informer agree on names.
func (i *Informer[T]) AddIndex(name string, of func(T) []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.cache.addIndex(name, of)
}

// IndexValues are the values under which an index has objects, in order. It panics when there is no such index.
func (i *Informer[T]) IndexValues(name string) []string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	x := i.cache.index(name)
	values := make([]string, 0, len(x.keys))
	for value := range x.keys {
		values = append(values, value)
	}
	slices.Sort(values)
	return values
}

// WithoutManagedFields is a Transform that drops the record of who set which field: a fifth of a small object, more of those that
// many write. Few programs read it. Updates without the record leave the stored one alone.
func WithoutManagedFields(o kind.Object) {
	if m := o.GetMetadata(); m != nil {
		m.ManagedFields = nil
	}
}

// index finds an index.
func (c *cache[T]) index(name string) *index[T] {
	x := c.indexes[name]
	if x == nil {
		panic(fmt.Sprintf("client: there is no index %q; AddIndex makes one", name))
	}
	return x
}
