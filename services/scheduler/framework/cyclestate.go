package framework

// CycleState is the scratch space of one decision: what a plugin works out before the nodes are walked and reads for each of them.
// It belongs to one goroutine.
type CycleState struct {
	entries []entry
	skipped []string // plugins whose Filter is left out
}

type entry struct {
	key   string
	value any
}

// Write keeps a value; the key is the plugin's name, with a suffix when it keeps several.
func (s *CycleState) Write(key string, value any) {
	for i := range s.entries {
		if s.entries[i].key == key {
			s.entries[i].value = value
			return
		}
	}
	s.entries = append(s.entries, entry{key, value})
}

// Read returns what was kept, or the zero value.
func Read[T any](s *CycleState, key string) T {
	for i := range s.entries {
		if s.entries[i].key == key {
			v, _ := s.entries[i].value.(T)
			return v
		}
	}
	var zero T
	return zero
}

// Reset empties the state for the next decision.
func (s *CycleState) Reset() {
	clear(s.entries)
	s.entries, s.skipped = s.entries[:0], s.skipped[:0]
}
