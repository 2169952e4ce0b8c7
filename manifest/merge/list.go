package merge

import (
	"fmt"
	"strings"
)

// keyed is a list whose elements are told apart by key.
type keyed struct {
	names []string
	byKey map[string]Object
}

// list merges lists of objects element by element; false when the elements cannot be told apart, because
// one has no key or two have the same.
func list(s schema, original, modified, current []any) ([]any, bool) {
	var o, m, c keyed
	told := false
	// The merge key alone, as Kubernetes does, or all keys where that is ambiguous: two ports of one number
	// that differ in protocol.
	for n := 1; n <= len(s.keys) && !told; n++ {
		var okO, okM, okC bool
		o, okO = index(original, s.keys[:n])
		m, okM = index(modified, s.keys[:n])
		c, okC = index(current, s.keys[:n])
		told = okO && okM && okC
	}
	if !told {
		return nil, false
	}
	merged := make(map[string]any, len(m.names))
	for _, name := range m.names {
		if have, ok := c.byKey[name]; ok {
			merged[name] = object(s.message, o.byKey[name], m.byKey[name], have, s.retain)
		} else {
			merged[name] = strip(m.byKey[name])
		}
	}
	// The declared order holds. An element of others keeps its place before the declared one it stood
	// before; those after the last declared one come at the end.
	others := map[string][]any{}
	var pending []any
	for _, name := range c.names {
		if _, ok := m.byKey[name]; ok {
			others[name] = pending
			pending = nil
		} else if _, was := o.byKey[name]; !was {
			pending = append(pending, c.byKey[name])
		}
	}
	out := make([]any, 0, len(m.names)+len(c.names))
	for _, name := range m.names {
		out = append(append(out, others[name]...), merged[name])
	}
	return append(out, pending...), true
}

func index(list []any, keys []string) (keyed, bool) {
	k := keyed{byKey: make(map[string]Object, len(list))}
	for _, v := range list {
		o, ok := v.(Object)
		if !ok {
			return k, false
		}
		var name strings.Builder
		for i, key := range keys {
			value, ok := o[key]
			if !ok {
				if i == 0 {
					return k, false
				}
				value = defaults[key]
			}
			fmt.Fprintf(&name, "%v\x00", value)
		}
		if _, twice := k.byKey[name.String()]; twice {
			return k, false
		}
		k.names = append(k.names, name.String())
		k.byKey[name.String()] = o
	}
	return k, true
}

// defaults are the values of keys that a manifest may leave out and the API server fills in.
var defaults = map[string]any{"protocol": "TCP"}
