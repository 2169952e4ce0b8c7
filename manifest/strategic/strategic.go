// Package strategic applies Kubernetes' strategic merge patches: JSON merge patches that know, from the options
// of the proto files, which lists are merged element by element and by which key, and that may hold directives
// ($patch, $retainKeys, $setElementOrder/…, $deleteFromPrimitiveList/…).
//
// It works on JSON values as encoding/json decodes them with UseNumber, and knows objects only by their
// descriptors. Functions do not change their arguments and may be called concurrently.
package strategic

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// Object is a JSON object.
type Object = map[string]any

// The directives.
const (
	directive      = "$patch"
	retainKeys     = "$retainKeys"
	elementOrder   = "$setElementOrder/"
	deleteScalars  = "$deleteFromPrimitiveList/"
	directiveStart = "$"
)

// Apply applies a patch to an object of the message. The error says what is wrong with the patch.
func Apply(d protoreflect.MessageDescriptor, current, patch Object) (Object, error) {
	return object(d, current, patch, "")
}

// object merges two objects. The descriptor is nil where the JSON is free of form.
func object(d protoreflect.MessageDescriptor, current, patch Object, path string) (Object, error) {
	switch what := patch[directive]; what {
	case nil, "merge":
	case "replace":
		return strip(without(patch, directive)).(Object), nil
	case "delete":
		return Object{}, nil
	default:
		return nil, fmt.Errorf("%s: %s cannot be %v", path, directive, what)
	}
	out := without(current)
	if err := retain(out, patch, path); err != nil {
		return nil, err
	}
	for key, value := range patch {
		if strings.HasPrefix(key, directiveStart) {
			continue
		}
		if err := member(d, out, patch, key, value, path); err != nil {
			return nil, err
		}
	}
	return out, directives(d, out, patch, path)
}

// member merges one member of a patch into out.
func member(d protoreflect.MessageDescriptor, out, patch Object, key string, value any, path string) error {
	f := lookup(d, key)
	at := path + "." + key
	if value == nil {
		delete(out, key)
		return nil
	}
	switch value := value.(type) {
	case Object:
		have, ok := out[key].(Object)
		if !ok {
			if value[directive] == "delete" {
				delete(out, key)
				return nil
			}
			out[key] = strip(value)
			return nil
		}
		if f.replaced {
			out[key] = strip(value)
			return nil
		}
		merged, err := object(f.message, have, value, at)
		out[key] = merged
		return err
	case []any:
		have, ok := out[key].([]any)
		if !ok || !f.merged {
			out[key] = strip(value)
			return nil
		}
		order, err := orderOf(patch, key, at)
		if err != nil {
			return err
		}
		merged, err := list(f, have, value, order, at)
		out[key] = merged
		return err
	}
	out[key] = value
	return nil
}

// directives carries out those directives of a patch that concern lists which are not themselves in it.
func directives(d protoreflect.MessageDescriptor, out, patch Object, path string) error {
	for name, value := range patch {
		if key, ok := strings.CutPrefix(name, deleteScalars); ok {
			gone, isList := value.([]any)
			if !isList {
				return fmt.Errorf("%s.%s must be a list", path, name)
			}
			if have, ok := out[key].([]any); ok {
				named := placesOf(gone, "")
				out[key] = slices.DeleteFunc(slices.Clone(have), func(v any) bool { return named.of(v, "") >= 0 })
			}
		}
	}
	// Order comes last: it is that of what is left.
	for name := range patch {
		key, ok := strings.CutPrefix(name, elementOrder)
		switch {
		case ok:
			order, err := orderOf(patch, key, path+"."+key)
			if err != nil {
				return err
			}
			have, isList := out[key].([]any)
			if _, inPatch := patch[key]; isList && !inPatch {
				out[key] = arrange(have, have, order, lookup(d, key).key)
			}
		case strings.HasPrefix(name, deleteScalars), name == retainKeys, name == directive, !strings.HasPrefix(name, directiveStart):
		default:
			return fmt.Errorf("%s: unknown directive %q", path, name)
		}
	}
	return nil
}

// retain drops from out what $retainKeys does not name.
func retain(out, patch Object, path string) error {
	value, ok := patch[retainKeys]
	if !ok {
		return nil
	}
	names, ok := value.([]any)
	if !ok {
		return fmt.Errorf("%s.%s must be a list of names", path, retainKeys)
	}
	kept := placesOf(names, "")
	for key, value := range patch {
		if value != nil && !strings.HasPrefix(key, directiveStart) && kept.of(key, "") < 0 {
			return fmt.Errorf("%s.%s does not name %q, which the patch sets", path, retainKeys, key)
		}
	}
	for key := range out {
		if kept.of(key, "") < 0 {
			delete(out, key)
		}
	}
	return nil
}

// field is what a patch must know of a field.
type field struct {
	message  protoreflect.MessageDescriptor // of its value or elements; nil for scalars and what is unknown
	key      string                         // by which the elements of a list are told apart; empty for scalars
	merged   bool                           // a list that is merged
	replaced bool                           // an object that is replaced as a whole
}

func lookup(d protoreflect.MessageDescriptor, name string) field {
	if d == nil {
		return field{}
	}
	fd := manifest.FieldDescriptor(d, name)
	if fd == nil {
		return field{}
	}
	o := kind.FieldOptions(fd)
	strategies := strings.Split(o.GetPatchStrategy(), ",")
	f := field{
		key: o.GetPatchMergeKey(), merged: fd.IsList() && slices.Contains(strategies, "merge"),
		replaced: slices.Contains(strategies, "replace"),
	}
	if !fd.IsMap() { // the keys of a map are data, not fields
		f.message = fd.Message()
	}
	return f
}
