package strategic

import (
	"fmt"
	"reflect"
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
	for _, v := range slices.Concat(a, b) {
		if !contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// objects merges lists of objects that a key tells apart, and returns with them the patch without its directives; nil
// when it replaced the list.
func objects(f field, current, patch []any, path string) (merged, plain []any, err error) {
	merged, plain = slices.Clone(current), []any{}
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
			merged = slices.DeleteFunc(merged, func(v any) bool { return same(v, o, f.key) })
		default:
			return nil, nil, fmt.Errorf("%s: %s of an element cannot be %v", path, directive, what)
		}
	}
	if replace {
		return strip(plain).([]any), nil, nil
	}
	for _, v := range plain {
		o := v.(Object)
		if o[f.key] == nil {
			return nil, nil, fmt.Errorf("%s: an element needs its %s", path, f.key)
		}
		at := slices.IndexFunc(merged, func(v any) bool { return same(v, o, f.key) })
		if at < 0 {
			merged = append(merged, strip(o))
			continue
		}
		have, ok := merged[at].(Object)
		if !ok {
			return nil, nil, fmt.Errorf("%s: the object has an element that is none", path)
		}
		if merged[at], err = object(f.message, have, o, fmt.Sprintf("%s[%v]", path, o[f.key])); err != nil {
			return nil, nil, err
		}
	}
	return merged, plain, nil
}

// arrange puts a list into order: elements that order names as it has them, the others as they were before. One of the
// others comes before a named one only where it stood before that one.
func arrange(elements, before, order []any, key string) []any {
	var named, others []any
	for _, o := range order {
		for _, e := range elements {
			if same(e, o, key) {
				named = append(named, e)
			}
		}
	}
	for _, e := range elements {
		if position(order, e, key) < 0 {
			others = append(others, e)
		}
	}
	slices.SortStableFunc(others, func(a, b any) int {
		return position(before, a, key) - position(before, b, key)
	})
	out := make([]any, 0, len(elements))
	for len(named) > 0 && len(others) > 0 {
		n, o := position(before, named[0], key), position(before, others[0], key)
		if n >= 0 && o >= 0 && o < n {
			out, others = append(out, others[0]), others[1:]
		} else {
			out, named = append(out, named[0]), named[1:]
		}
	}
	return append(append(out, named...), others...)
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

// same says whether two elements are the same one: by key, or by value when there is no key.
func same(a, b any, key string) bool {
	if key == "" {
		return reflect.DeepEqual(a, b)
	}
	x, okX := a.(Object)
	y, okY := b.(Object)
	return okX && okY && x[key] != nil && reflect.DeepEqual(x[key], y[key])
}

func position(in []any, element any, key string) int {
	return slices.IndexFunc(in, func(v any) bool { return same(v, element, key) })
}

func contains(in []any, v any) bool { return position(in, v, "") >= 0 }

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
