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
	// What decisions have worked out of it; see PerNode and Domains.
	memos   map[string]memo
	uses    uint64
	domains map[string]*Domains
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
	s.memos, s.domains = nil, nil
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
	for _, m := range s.memos {
		m.touch(i)
	}
	if old.Node != n.Node {
		for _, d := range s.domains {
			d.put(i, n)
		}
	}
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

// Index returns the index of a node in Nodes; -1 when there is no such node.
func (s *Snapshot) Index(name string) int {
	i, ok := s.index[name]
	if !ok {
		return -1
	}
	return i
}

// WithAffinity returns the indexes of the nodes that have pods with pod affinity or anti-affinity. Read only.
func (s *Snapshot) WithAffinity() []int { return s.affinity }

// WithAntiAffinity returns the indexes of the nodes that have pods with required anti-affinity. Read only.
func (s *Snapshot) WithAntiAffinity() []int { return s.antiAffinity }

// ImageNodes is the number of nodes that have an image.
func (s *Snapshot) ImageNodes(name string) int { return s.imageNodes[name] }
