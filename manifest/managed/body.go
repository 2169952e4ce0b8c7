package managed

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// owned are the parts of metadata that belong to whoever sets them. The rest is the server's, or names the object.
var owned = []string{"labels", "annotations", "finalizers", "ownerReferences"}

// split parts the JSON of an object into what can be owned and the rest.
func (s *Schema) split(object []byte) (body, rest map[string]any, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&rest); err != nil {
		return nil, nil, err
	}
	body = map[string]any{}
	for key, v := range rest {
		switch {
		case key == "apiVersion", key == "kind", key == "metadata", key == "status" && s.kind.Options.GetHasStatus():
		default:
			body[key] = plain(v)
			delete(rest, key)
		}
	}
	metadata, ok := rest["metadata"].(map[string]any)
	if !ok {
		return body, rest, nil
	}
	mine := map[string]any{}
	for _, key := range owned {
		if v, ok := metadata[key]; ok {
			mine[key] = plain(v)
			delete(metadata, key)
		}
	}
	if len(mine) > 0 {
		body["metadata"] = mine
	}
	return body, rest, nil
}

// join puts together what split took apart.
func join(body, rest map[string]any) ([]byte, error) {
	for key, v := range body {
		mine, ok := v.(map[string]any)
		if key != "metadata" || !ok {
			rest[key] = v
			continue
		}
		metadata, ok := rest[key].(map[string]any)
		if !ok {
			metadata = map[string]any{}
			rest[key] = metadata
		}
		for k, v := range mine {
			metadata[k] = v
		}
	}
	return json.Marshal(rest)
}

// plain gives numbers the types that the merge compares.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, e := range v {
			v[key] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
		return v.String()
	}
	return v
}

// typed gives a body its schema.
func (s *Schema) typed(body map[string]any, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	t, err := typed.AsTyped(value.NewValueInterface(body), s.types, s.root, options...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.kind.Name(), err)
	}
	return t, nil
}
