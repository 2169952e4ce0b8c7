package client

import (
	"kaji.dev/kaji/kind"

	"k8s.io/apimachinery/pkg/labels"
)

// namespaceIndex is always there: List of one namespace uses it.
const namespaceIndex = "namespace"

// cache holds objects by key and by index. It has no lock: the informer's guards it.
type cache[T kind.Object] struct {
	objects map[string]T
	indexes map[string]*index[T]
}

type index[T kind.Object] struct {
	of   func(T) []string
	keys map[string]map[string]struct{}
}

func newCache[T kind.Object]() *cache[T] {
	c := &cache[T]{objects: map[string]T{}, indexes: map[string]*index[T]{}}
	c.addIndex(namespaceIndex, func(o T) []string { return []string{o.GetMetadata().GetNamespace()} })
	return c
}

func cacheKey(namespace, name string) string { return namespace + "/" + name }

func keyOf(o kind.Object) string {
	m := o.GetMetadata()
	return cacheKey(m.GetNamespace(), m.GetName())
}

func (c *cache[T]) addIndex(name string, of func(T) []string) {
	x := &index[T]{of: of, keys: map[string]map[string]struct{}{}}
	c.indexes[name] = x
	for key, o := range c.objects {
		x.insert(key, o)
	}
}

func (c *cache[T]) put(key string, o T) (old T, had bool) {
	old, had = c.remove(key)
	c.objects[key] = o
	for _, x := range c.indexes {
		x.insert(key, o)
	}
	return old, had
}

func (c *cache[T]) remove(key string) (old T, had bool) {
	old, had = c.objects[key]
	if !had {
		return old, false
	}
	delete(c.objects, key)
	for _, x := range c.indexes {
		x.remove(key, old)
	}
	return old, true
}

func (c *cache[T]) byIndex(name, value string) []T {
	x := c.index(name)
	objects := make([]T, 0, len(x.keys[value]))
	for key := range x.keys[value] {
		objects = append(objects, c.objects[key])
	}
	return objects
}

func (c *cache[T]) list(namespace string, selector labels.Selector) []T {
	var objects []T
	take := func(o T) {
		if selector == nil || selector.Matches(labels.Set(o.GetMetadata().GetLabels())) {
			objects = append(objects, o)
		}
	}
	if namespace == "" {
		for _, o := range c.objects {
			take(o)
		}
		return objects
	}
	for key := range c.indexes[namespaceIndex].keys[namespace] {
		take(c.objects[key])
	}
	return objects
}

func (x *index[T]) insert(key string, o T) {
	for _, value := range x.of(o) {
		keys := x.keys[value]
		if keys == nil {
			keys = map[string]struct{}{}
			x.keys[value] = keys
		}
		keys[key] = struct{}{}
	}
}

func (x *index[T]) remove(key string, o T) {
	for _, value := range x.of(o) {
		keys := x.keys[value]
		delete(keys, key)
		if len(keys) == 0 {
			delete(x.keys, value)
		}
	}
}
