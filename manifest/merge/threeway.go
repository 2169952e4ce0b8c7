// Package merge combines what a user declared with what is stored.
//
// It owns the three-way merge of `kaji apply`, with the meaning of Kubernetes' strategic merge patch, read
// from the field options of the proto files: lists with a merge key are merged element by element, other
// lists are replaced, retainKeys drops what the declaration does not name. It also makes JSON merge patches
// (RFC 7386). All functions are pure, take and return values as encoding/json makes them, never change their
// arguments, and may be used concurrently; results may share parts with arguments.
package merge

import (
	"reflect"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// Object is a JSON object.
type Object = map[string]any

// ThreeWay returns what current should become. original is what was declared last time (nil for never),
// modified what is declared now. A field that was declared and no longer is goes; one that is declared is
// set, and null removes it; what neither names stays as others have set it.
func ThreeWay(d protoreflect.MessageDescriptor, original, modified, current Object) Object {
	return object(d, original, modified, current, false)
}

func object(d protoreflect.MessageDescriptor, original, modified, current Object, retain bool) Object {
	result := make(Object, len(current)+len(modified))
	for key, value := range current {
		_, declared := modified[key]
		_, was := original[key]
		if !declared && (was || retain) {
			continue
		}
		result[key] = value
	}
	for key, value := range modified {
		if value == nil {
			delete(result, key)
			continue
		}
		result[key] = field(fieldOf(d, key), original[key], value, current[key])
	}
	return result
}

// schema is what the merge knows of a field; the zero value is a field it knows nothing of.
type schema struct {
	// message is the type of the field, or of the elements of a list or map; nil for scalars.
	message protoreflect.MessageDescriptor
	isMap   bool
	merge   bool
	retain  bool
	keys    []string
}

func fieldOf(d protoreflect.MessageDescriptor, name string) schema {
	if d == nil {
		return schema{}
	}
	fd := manifest.FieldDescriptor(d, name)
	if fd == nil {
		return schema{}
	}
	s := schema{message: fd.Message(), isMap: fd.IsMap()}
	if fd.IsMap() {
		s.message = fd.MapValue().Message()
	}
	if o := kind.FieldOptions(fd); o != nil {
		for _, word := range strings.Split(o.GetPatchStrategy(), ",") {
			s.merge = s.merge || word == "merge"
			s.retain = s.retain || word == "retainKeys"
		}
		s.keys = keysOf(o)
	}
	return s
}

// keysOf lists the keys of a list's elements, the patch merge key first.
func keysOf(o *metav1.FieldOptions) []string {
	if o.GetPatchMergeKey() == "" {
		return nil
	}
	keys := []string{o.GetPatchMergeKey()}
	for _, k := range o.GetListMapKeys() {
		if k != keys[0] {
			keys = append(keys, k)
		}
	}
	return keys
}

func field(s schema, original, modified, current any) any {
	switch m := modified.(type) {
	case Object:
		o, _ := original.(Object)
		c, ok := current.(Object)
		if !ok {
			return strip(m)
		}
		if s.isMap {
			// A map's values are as they are: a map of maps does not occur.
			return object(nil, o, m, c, false)
		}
		return object(s.message, o, m, c, s.retain)
	case []any:
		c, ok := current.([]any)
		if !ok || !s.merge {
			return strip(m)
		}
		o, _ := original.([]any)
		if len(s.keys) == 0 {
			return set(o, m, c)
		}
		if merged, ok := list(s, o, m, c); ok {
			return merged
		}
		return strip(m)
	}
	return modified
}

// strip removes nulls, which only mean something beside a value to remove.
func strip(v any) any {
	switch v := v.(type) {
	case Object:
		out := make(Object, len(v))
		for key, value := range v {
			if value != nil {
				out[key] = strip(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = strip(v[i])
		}
		return out
	}
	return v
}

// set merges lists of scalars: what was declared and no longer is goes, the rest of both stays.
func set(original, modified, current []any) []any {
	has := func(list []any, v any) bool {
		for _, one := range list {
			if reflect.DeepEqual(one, v) {
				return true
			}
		}
		return false
	}
	out := []any{}
	for _, v := range current {
		if !has(original, v) || has(modified, v) {
			out = append(out, v)
		}
	}
	for _, v := range modified {
		if !has(out, v) {
			out = append(out, v)
		}
	}
	return out
}
