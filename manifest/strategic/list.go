package strategic

import (
	"fmt"
	"slices"
)

// list merges two lists element by element. Order, when there is one, is the order that elements shall have.
func list(f field, current, patch, order []any, path string) ([]any, error) {
	var merged []any
	var err error
	if f.key == "" {
		merged = union(current, patch)
	} else if merged, patch, err = objects(f, current, patch, path); err != nil {
		return nil, err
	}
	switch {
	case patch == nil: // replaced; the order is the patch's
		return merged, nil
	case order == nil:
		order = patch
	}
	return arrange(merged, current, order, f.key), nil
}

// union is all scalars of both lists, each once.
func union(a, b []any) []any {
	var out []any
	seen := places{}
	for _, v := range slices.Concat(a, b) {
		name, _ := nameOf(v, "")
		if _, known := seen[name]; !known {
			seen[name] = len(out)
			out = append(out, v)
		}
	}
	return out
}

// objects merges lists of objects that a key tells apart, and returns with them the patch without its directives; nil
// when it replaced the list.
func objects(f field, current, patch []any, path string) (merged, plain []any, err error) {
	plain = []any{}
	gone := places{}
	replace := false
	for _, v := range patch {
		o, ok := v.(Object)
		if !ok {
			return nil, nil, fmt.Errorf("%s: elements are objects, not %v", path, v)
		}
		switch what := o[directive]; what {
		case nil:
			plain = append(plain, v)
		case "replace":
			replace = true
		case "delete":
			if o[f.key] == nil {
				return nil, nil, fmt.Errorf("%s: an element to delete needs its %s", path, f.key)
			}
			name, _ := nameOf(o, f.key)
			gone[name] = 0
		default:
			return nil, nil, fmt.Errorf("%s: %s of an element cannot be %v", path, directive, what)
		}
	}
	if replace {
		return strip(plain).([]any), nil, nil
	}
	merged = slices.DeleteFunc(slices.Clone(current), func(v any) bool { return gone.of(v, f.key) >= 0 })
	known := placesOf(merged, f.key)
	for _, v := range plain {
		o := v.(Object)
		name, ok := nameOf(o, f.key)
		if !ok {
			return nil, nil, fmt.Errorf("%s: an element needs its %s", path, f.key)
		}
		at, found := known[name]
		if !found {
			known[name] = len(merged)
			merged = append(merged, strip(o))
			continue
		}
		// Only objects have names here.
		if merged[at], err = object(f.message, merged[at].(Object), o, fmt.Sprintf("%s[%v]", path, o[f.key])); err != nil {
			return nil, nil, err
		}
	}
	return merged, plain, nil
}

// arrange puts a list into order: elements that order names as it has them, the others as they were before. One of the
// others comes before a named one only where it stood before that one.
func arrange(elements, before, order []any, key string) []any {
	stood, wanted := placesOf(before, key), placesOf(order, key)
	var named, others []placed
	for _, e := range elements {
		p := placed{element: e, before: stood.of(e, key), wanted: wanted.of(e, key)}
		if p.wanted >= 0 {
			named = append(named, p)
		} else {
			others = append(others, p)
		}
	}
	slices.SortStableFunc(named, func(a, b placed) int { return a.wanted - b.wanted })
	slices.SortStableFunc(others, func(a, b placed) int { return a.before - b.before })
	out := make([]any, 0, len(elements))
	for len(named) > 0 || len(others) > 0 {
		from := &named
		if len(named) == 0 || len(others) > 0 && others[0].before >= 0 && others[0].before < named[0].before {
			from = &others
		}
		out, *from = append(out, (*from)[0].element), (*from)[1:]
	}
	return out
}

// placed is an element with where it stood before and where it shall stand; negative is nowhere.
type placed struct {
	element        any
	before, wanted int
}

// orderOf is the list in $setElementOrder of a key; nil when there is none.
func orderOf(patch Object, key, path string) ([]any, error) {
	value, ok := patch[elementOrder+key]
	if !ok {
		return nil, nil
	}
	order, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s: its %s must be a list", path, elementOrder)
	}
	return order, nil
}

// without is a copy of an object that lacks some members.
func without(o Object, names ...string) Object {
	out := make(Object, len(o))
	for k, v := range o {
		if !slices.Contains(names, k) {
			out[k] = v
		}
	}
	return out
}

// strip is a copy of a patch's value as it is set where nothing was: without nulls, and without directives and what
// they were to act on.
func strip(v any) any {
	switch v := v.(type) {
	case Object:
		out := Object{}
		for key, value := range v {
			if value == nil || key[:min(1, len(key))] == directiveStart {
				continue
			}
			if o, ok := value.(Object); ok && o[directive] == "delete" {
				continue
			}
			out[key] = strip(value)
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, value := range v {
			if o, ok := value.(Object); ok && o[directive] != nil {
				continue
			}
			out = append(out, strip(value))
		}
		return out
	}
	return v
}
