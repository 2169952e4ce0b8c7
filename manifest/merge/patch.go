package merge

import "reflect"

// Patch returns the JSON merge patch that turns from into to; empty when they are equal.
func Patch(from, to Object) Object {
	out := Object{}
	for key, value := range to {
		have, ok := from[key]
		if ok && reflect.DeepEqual(have, value) {
			continue
		}
		a, isA := have.(Object)
		b, isB := value.(Object)
		if isA && isB {
			out[key] = Patch(a, b)
			continue
		}
		out[key] = value
	}
	for key := range from {
		if _, ok := to[key]; !ok {
			out[key] = nil
		}
	}
	return out
}

// Apply applies a JSON merge patch.
func Apply(target any, patch any) any {
	p, ok := patch.(Object)
	if !ok {
		return patch
	}
	out := Object{}
	if t, ok := target.(Object); ok {
		for key, value := range t {
			out[key] = value
		}
	}
	for key, value := range p {
		if value == nil {
			delete(out, key)
			continue
		}
		out[key] = Apply(out[key], value)
	}
	return out
}
