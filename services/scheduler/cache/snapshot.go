package cache

import (
	"maps"
	"slices"
	"strings"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Update brings a snapshot up to date, copying only nodes that changed since the snapshot last saw them. Snapshots share the copies.
// The snapshot must not be in use meanwhile.
func (c *Cache) Update(s *framework.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Layout != c.layout {
		if c.order == nil {
			c.order = c.arrange()
		}
		nodes := make([]*framework.NodeInfo, len(c.order))
		for i, it := range c.order {
			nodes[i] = it.freeze()
		}
		s.Rebuild(nodes)
		s.Layout = c.layout
	} else {
		for it := c.head; it != nil && it.generation > s.Generation; it = it.next {
			if it.info.Node != nil {
				s.Replace(it.freeze())
			}
		}
	}
	s.Generation = c.generation
}

func (it *item) freeze() *framework.NodeInfo {
	if it.frozen == nil {
		it.frozen = it.info.Clone()
	}
	return it.frozen
}

// arrange orders the existing nodes: zones take turns, by name within a zone, so that a sample of neighbours is a sample of all zones.
func (c *Cache) arrange() []*item {
	zones := map[string][]*item{}
	count := 0
	for _, it := range c.nodes {
		if it.info.Node != nil {
			z := it.info.Zone()
			zones[z] = append(zones[z], it)
			count++
		}
	}
	names := slices.Sorted(maps.Keys(zones))
	for _, z := range names {
		slices.SortFunc(zones[z], func(a, b *item) int { return strings.Compare(a.info.Name, b.info.Name) })
	}
	out := make([]*item, 0, count)
	for turn := 0; len(out) < count; turn++ {
		for _, z := range names {
			if turn < len(zones[z]) {
				out = append(out, zones[z][turn])
			}
		}
	}
	return out
}

// touch gives the item the newest generation and moves it to the front, which keeps the list sorted by generation.
func (c *Cache) touch(it *item) {
	c.generation++
	it.generation = c.generation
	it.frozen = nil
	if c.head != it {
		c.unlink(it)
		c.pushFront(it)
	}
}

func (c *Cache) pushFront(it *item) {
	it.prev, it.next = nil, c.head
	if c.head != nil {
		c.head.prev = it
	}
	c.head = it
}

func (c *Cache) unlink(it *item) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		c.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	}
	it.prev, it.next = nil, nil
}
