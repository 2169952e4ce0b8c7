package fake

import (
	"bytes"
	"encoding/json"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// patch applies a JSON merge patch (RFC 7386); the other languages are the real server's.
func (s *Server) patch(k *kind.Kind, r *metav1.PatchRequest) (kind.Object, error) {
	if t := r.GetType(); t != metav1.PatchType_PATCH_TYPE_UNSPECIFIED && t != metav1.PatchType_PATCH_TYPE_MERGE {
		return nil, apierror.BadRequest("the API in memory knows merge patches only")
	}
	old, err := s.lookup(k, r.GetNamespace(), r.GetName())
	if err != nil {
		return nil, err
	}
	text, err := manifest.ToJSON(old)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	var target, change any
	if err := decode(text, &target); err != nil {
		return nil, apierror.Internal(err)
	}
	if err := decode(r.GetPatch(), &change); err != nil {
		return nil, apierror.BadRequest("the patch is no JSON: " + err.Error())
	}
	if text, err = json.Marshal(merge(target, change)); err != nil {
		return nil, apierror.Internal(err)
	}
	next, err := manifest.FromJSON(k, text, false)
	if err != nil {
		return nil, apierror.BadRequest("the patched object: " + err.Error())
	}
	return s.update(k, next, r.GetSubresource(), len(r.GetOptions().GetDryRun()) > 0)
}

// decode keeps numbers as they are written: a float64 would round large ones.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}

func merge(target, change any) any {
	fields, ok := change.(map[string]any)
	if !ok {
		return change
	}
	result, ok := target.(map[string]any)
	if !ok {
		result = map[string]any{}
	}
	for name, value := range fields {
		if value == nil {
			delete(result, name)
			continue
		}
		result[name] = merge(result[name], value)
	}
	return result
}
