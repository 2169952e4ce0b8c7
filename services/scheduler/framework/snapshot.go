package framework

import "slices"

// Snapshot is the cluster at one moment: what one decision sees. It belongs to one goroutine, which lets the cache bring it up to date
// between decisions; the NodeInfos in it are shared and never changed. Only nodes that exist are in it.
type Snapshot struct {
	// Generation is the newest change the snapshot has seen; kept by the cache.
	Generation uint64
	// Layout is the set and order of nodes it has seen; kept by the cache.
	Layout uint64

	nodes        []*NodeInfo
	index        map[string]int
	affinity     []int // indexes of nodes with pods that have affinity, ascending
	antiAffinity []int // the same for required anti-affinity
	imageNodes   map[string]int
}

// NewSnapshot returns a snapshot of these nodes.
func NewSnapshot(nodes ...*NodeInfo) *Snapshot {
	s := &Snapshot{}
	s.Rebuild(nodes)
	return s
}

// Rebuild replaces all nodes. The snapshot keeps the slice.
func (s *Snapshot) Rebuild(nodes []*NodeInfo) {
	s.nodes = nodes
	s.index = make(map[string]int, len(nodes))
	s.affinity, s.antiAffinity = nil, nil
	s.imageNodes = make(map[string]int)
	for i, n := range nodes {
		s.index[n.Name] = i
		if n.Affinity > 0 {
			s.affinity = append(s.affinity, i)
		}
		if n.AntiAffinity > 0 {
			s.antiAffinity = append(s.antiAffinity, i)
		}
		s.countImages(n, 1)
	}
}

// Replace puts a newer picture of a node it has in place.
func (s *Snapshot) Replace(n *NodeInfo) {
	i, ok := s.index[n.Name]
	if !ok {
		return
	}
	old := s.nodes[i]
	s.nodes[i] = n
	s.affinity = mark(s.affinity, i, n.Affinity > 0)
	s.antiAffinity = mark(s.antiAffinity, i, n.AntiAffinity > 0)
	if old.Images != n.Images {
		s.countImages(old, -1)
		s.countImages(n, 1)
	}
}

func (s *Snapshot) countImages(n *NodeInfo, by int) {
	if n.Images == nil {
		return
	}
	for name := range n.Images.Sizes {
		if c := s.imageNodes[name] + by; c > 0 {
			s.imageNodes[name] = c
		} else {
			delete(s.imageNodes, name)
		}
	}
}

// mark keeps a sorted set of indexes.
func mark(set []int, i int, in bool) []int {
	at, found := slices.BinarySearch(set, i)
	switch {
	case in && !found:
		return slices.Insert(set, at, i)
	case !in && found:
		return slices.Delete(set, at, at+1)
	}
	return set
}

// Nodes returns all nodes in the order they are tried, zones taking turns. Read only.
func (s *Snapshot) Nodes() []*NodeInfo { return s.nodes }

// Len is the number of nodes.
func (s *Snapshot) Len() int { return len(s.nodes) }

// Get returns a node by name; nil when there is none.
func (s *Snapshot) Get(name string) *NodeInfo {
	i, ok := s.index[name]
	if !ok {
		return nil
	}
	return s.nodes[i]
}

// WithAffinity calls f for each node that has pods with pod affinity or anti-affinity.
func (s *Snapshot) WithAffinity(f func(*NodeInfo)) {
	for _, i := range s.affinity {
		f(s.nodes[i])
	}
}

// WithAntiAffinity calls f for each node that has pods with required anti-affinity.
func (s *Snapshot) WithAntiAffinity(f func(*NodeInfo)) {
	for _, i := range s.antiAffinity {
		f(s.nodes[i])
	}
}

// HasAffinity tells whether any pod in the cluster has pod affinity or anti-affinity.
func (s *Snapshot) HasAffinity() bool { return len(s.affinity) > 0 }

// ImageNodes is the number of nodes that have an image.
func (s *Snapshot) ImageNodes(name string) int { return s.imageNodes[name] }
