package strategic

import "encoding/json"

// places are where the elements of a list stand, by what tells them apart; of equal ones the first. Lists may have
// hundreds of thousands of elements, so that nothing looks for one by walking them.
type places map[string]int

func placesOf(list []any, key string) places {
	out := make(places, len(list))
	for i, v := range list {
		if name, ok := nameOf(v, key); ok {
			if _, known := out[name]; !known {
				out[name] = i
			}
		}
	}
	return out
}

// of is where the element stands that is the same as v; -1 when there is none.
func (p places) of(v any, key string) int {
	if name, ok := nameOf(v, key); ok {
		if at, known := p[name]; known {
			return at
		}
	}
	return -1
}

// nameOf is what tells an element from others: the value of its key, or the element itself when there is no key. False
// for what has no such key, which is the same as nothing else.
func nameOf(v any, key string) (string, bool) {
	if key != "" {
		o, ok := v.(Object)
		if !ok || o[key] == nil {
			return "", false
		}
		v = o[key]
	}
	// JSON writes the members of objects in one order, so that what is equal is written alike.
	b, err := json.Marshal(v)
	return string(b), err == nil
}
