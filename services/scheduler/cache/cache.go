// Package cache holds the scheduler's picture of the cluster: every node, every pod on a node, and the pods the scheduler has
// decided about but which the API server has not yet reported as bound ("assumed").
//
// It owns the bookkeeping of what is used on each node and the incremental snapshots decisions are made on. It refuses to assume a pod twice,
// and it never frees an assumed pod's place by itself: only the API (through AddPod, RemovePod) or the binder (Forget) does.
// All methods may be called concurrently. DESIGN.md has the invariants.
package cache

import (
	"fmt"
	"sync"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

// Cache is the picture of the cluster.
type Cache struct {
	mu    sync.Mutex
	nodes map[string]*item
	pods  map[string]*placed // by uid
	// head of the list of items, newest change first.
	head       *item
	generation uint64
	// layout changes with the set of existing nodes or their zones; order is the items in the order of that layout, nil when stale.
	layout uint64
	order  []*item
}

// item is a node in the list of changes.
type item struct {
	info       *framework.NodeInfo
	generation uint64
	frozen     *framework.NodeInfo // what snapshots share of this generation; nil until one asks
	prev, next *item
}

// placed is a pod on a node.
type placed struct {
	info    *framework.PodInfo
	node    string
	assumed bool
	// deadline is when an assumed pod that was bound should have been reported; zero while it is being bound.
	deadline time.Time
}

// New returns an empty cache.
func New() *Cache {
	return &Cache{nodes: map[string]*item{}, pods: map[string]*placed{}, layout: 1}
}

// SetNode adds or replaces a node.
func (c *Cache) SetNode(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it := c.itemOf(node.GetMetadata().GetName())
	existed, zone := it.info.Node != nil, it.info.Zone()
	it.info.SetNode(node)
	if !existed || zone != it.info.Zone() {
		c.relayout()
	}
	c.touch(it)
}

// RemoveNode forgets a node. Pods on it stay known until they are removed themselves.
func (c *Cache) RemoveNode(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	it, ok := c.nodes[name]
	if !ok || it.info.Node == nil {
		return
	}
	it.info.RemoveNode()
	c.relayout()
	c.touch(it)
	c.dropIfEmpty(it)
}

// Assume puts a pod on a node before the API server knows. It fails when the pod is on a node already.
func (c *Cache) Assume(p *framework.PodInfo, node string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.pods[p.UID]; ok {
		return fmt.Errorf("pod %s is on node %s already", p, at.node)
	}
	c.place(p, node, true)
	return nil
}

// FinishBinding notes that the binding of an assumed pod was acknowledged and should be reported by the deadline.
func (c *Cache) FinishBinding(uid string, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.pods[uid]; ok && at.assumed {
		at.deadline = deadline
	}
}

// Forget takes an assumed pod off its node and tells whether it was assumed. Pods reported as bound stay.
func (c *Cache) Forget(uid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.pods[uid]
	if !ok || !at.assumed {
		return false
	}
	c.unplace(at)
	return true
}

// AddPod puts a pod that is bound on its node, confirms it when it was assumed, or replaces it when it was known.
// It returns what the API server had reported of the pod before; nil when it had not, assumed or not.
func (c *Cache) AddPod(p *framework.PodInfo) *framework.PodInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	var before *framework.PodInfo
	if at, ok := c.pods[p.UID]; ok {
		if !at.assumed {
			before = at.info
		}
		c.unplace(at)
	}
	c.place(p, p.Pod.GetSpec().GetNodeName(), false)
	return before
}

// RemovePod takes a pod off its node, assumed or not, and returns it; nil when it was on none.
func (c *Cache) RemovePod(uid string) *framework.PodInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.pods[uid]
	if !ok {
		return nil
	}
	c.unplace(at)
	return at.info
}

// NodeOf returns the node a pod is on, and whether it is only assumed there; empty when it is on none.
func (c *Cache) NodeOf(uid string) (node string, assumed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.pods[uid]
	if !ok {
		return "", false
	}
	return at.node, at.assumed
}

// Overdue is a pod whose binding was acknowledged and never reported.
type Overdue struct {
	Pod  *framework.PodInfo
	Node string
}

// Expired returns the assumed pods whose deadline has passed. They keep their place until the caller, having read
// the pod from the API, confirms (AddPod) or frees (Forget) it.
func (c *Cache) Expired(now time.Time) []Overdue {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Overdue
	for _, at := range c.pods {
		if at.assumed && !at.deadline.IsZero() && now.After(at.deadline) {
			out = append(out, Overdue{at.info, at.node})
		}
	}
	return out
}

// Count returns the number of existing nodes, of pods on nodes, and how many of those are assumed.
func (c *Cache) Count() (nodes, pods, assumed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range c.nodes {
		if it.info.Node != nil {
			nodes++
		}
	}
	for _, at := range c.pods {
		if at.assumed {
			assumed++
		}
	}
	return nodes, len(c.pods), assumed
}

func (c *Cache) place(p *framework.PodInfo, node string, assumed bool) {
	it := c.itemOf(node)
	it.info.AddPod(p)
	c.pods[p.UID] = &placed{info: p, node: node, assumed: assumed}
	c.touch(it)
}

func (c *Cache) unplace(at *placed) {
	delete(c.pods, at.info.UID)
	it := c.nodes[at.node]
	it.info.RemovePod(at.info.UID)
	c.touch(it)
	c.dropIfEmpty(it)
}

// itemOf returns the item of a node, made when pods are reported before their node.
func (c *Cache) itemOf(name string) *item {
	it, ok := c.nodes[name]
	if !ok {
		it = &item{info: &framework.NodeInfo{Name: name}}
		c.nodes[name] = it
		c.pushFront(it)
	}
	return it
}

func (c *Cache) dropIfEmpty(it *item) {
	if it.info.Node == nil && len(it.info.Pods) == 0 {
		delete(c.nodes, it.info.Name)
		c.unlink(it)
	}
}

func (c *Cache) relayout() {
	c.layout++
	c.order = nil
}
