package framework

// maxMemos bounds what a snapshot remembers between decisions; what was not used for longest is dropped.
const maxMemos = 64

// memo is something worked out for each node of a snapshot.
type memo interface {
	// touch notes that the node at an index was replaced.
	touch(i int)
	lastUsed() uint64
}

type nodeMemo[T any] struct {
	values []T
	dirty  []int
	stale  bool // so many are dirty that all are worked out anew
	used   uint64
}

func (m *nodeMemo[T]) lastUsed() uint64 { return m.used }

func (m *nodeMemo[T]) touch(i int) {
	if m.stale {
		return
	}
	if m.dirty = append(m.dirty, i); len(m.dirty) > len(m.values) {
		m.stale, m.dirty = true, nil
	}
}

// PerNode returns of(n) for each node, in the order of Nodes. It is kept under the key for the next decision, when only nodes that were replaced meanwhile
// are asked again: pods of one controller ask the same about thousands of nodes, and each decision changes one. The key must stand for everything of depends on but the
// node. The slice is read only and good until the snapshot is updated.
func PerNode[T any](s *Snapshot, key string, of func(*NodeInfo) T) []T {
	s.uses++
	m, ok := s.memos[key].(*nodeMemo[T])
	if !ok {
		m = &nodeMemo[T]{values: make([]T, len(s.nodes)), stale: true}
		s.remember(key, m)
	}
	m.used = s.uses
	if m.stale {
		for i, n := range s.nodes {
			m.values[i] = of(n)
		}
	}
	for _, i := range m.dirty {
		m.values[i] = of(s.nodes[i])
	}
	m.dirty, m.stale = m.dirty[:0], false
	return m.values
}

func (s *Snapshot) remember(key string, m memo) {
	if s.memos == nil {
		s.memos = map[string]memo{}
	}
	if len(s.memos) >= maxMemos {
		oldest := ""
		for k, other := range s.memos {
			if oldest == "" || other.lastUsed() < s.memos[oldest].lastUsed() {
				oldest = k
			}
		}
		delete(s.memos, oldest)
	}
	s.memos[key] = m
}

// Domains numbers the values of a node label: nodes with the same value are in one domain.
type Domains struct {
	key    string
	at     []int
	number map[string]int
}

// Domains returns the domains of a label. It is good until the snapshot is updated.
func (s *Snapshot) Domains(key string) *Domains {
	d, ok := s.domains[key]
	if ok {
		return d
	}
	d = &Domains{key: key, at: make([]int, len(s.nodes)), number: map[string]int{}}
	for i, n := range s.nodes {
		d.put(i, n)
	}
	if s.domains == nil || len(s.domains) >= maxMemos {
		s.domains = map[string]*Domains{}
	}
	s.domains[key] = d
	return d
}

func (d *Domains) put(i int, n *NodeInfo) {
	value, ok := n.Node.GetMetadata().GetLabels()[d.key]
	if !ok {
		d.at[i] = -1
		return
	}
	number, known := d.number[value]
	if !known {
		number = len(d.number)
		d.number[value] = number
	}
	d.at[i] = number
}

// Len is the number of domains, including any that nodes have left since.
func (d *Domains) Len() int { return len(d.number) }

// At returns the domain of the node at an index of Nodes; -1 when it lacks the label.
func (d *Domains) At(i int) int { return d.at[i] }

// Of returns the domain of a node; -1 when it lacks the label.
func (d *Domains) Of(n *NodeInfo) int {
	value, ok := n.Node.GetMetadata().GetLabels()[d.key]
	if !ok {
		return -1
	}
	number, known := d.number[value]
	if !known {
		return -1
	}
	return number
}
