package fake

import (
	"bytes"
	"encoding/json"
	"errors"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
	"kaji.dev/kaji/manifest/strategic"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// maxCopied bounds what the copy operations of a JSON patch may add, in bytes.
const maxCopied = 3 << 20

// patch changes a part of an object, or of its scale. Callers hold mu.
func (s *Server) patch(k *kind.Kind, r *metav1.PatchRequest) (kind.Object, error) {
	if err := named(k, r.GetNamespace(), r.GetName()); err != nil {
		return nil, err
	}
	old, err := s.lookup(k, r.GetNamespace(), r.GetName())
	if err != nil {
		return nil, err
	}
	text, err := manifest.ToJSON(old)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	if text, err = patched(k, r, text); err != nil {
		return nil, err
	}
	next, err := manifest.FromJSON(k, text, r.GetOptions().GetFieldValidation() == "Strict")
	if err != nil {
		return nil, apierror.Invalid(k.String(), r.GetNamespace(), r.GetName(), []apierror.FieldViolation{{Field: "patch", Description: err.Error()}})
	}
	if m := next.GetMetadata(); m.GetName() != r.GetName() || m.GetNamespace() != r.GetNamespace() {
		return nil, apierror.BadRequest("a patch cannot change the name or namespace of an object")
	}
	return s.update(k, next, r.GetSubresource(), optionsOf(r.GetOptions()))
}

// patched applies a patch, in any of the three languages, to an object as JSON.
func patched(k *kind.Kind, r *metav1.PatchRequest, text []byte) ([]byte, error) {
	bad := func(err error) error { return apierror.BadRequest("the patch is no good: " + err.Error()) }
	if r.GetType() == metav1.PatchType_PATCH_TYPE_JSON {
		operations, err := jsonpatch.DecodePatch(r.GetPatch())
		if err != nil {
			return nil, bad(err)
		}
		options := jsonpatch.NewApplyOptions()
		options.AccumulatedCopySizeLimit = maxCopied
		after, err := operations.ApplyWithOptions(text, options)
		switch {
		case errors.Is(err, jsonpatch.ErrTestFailed):
			return nil, apierror.Invalid(k.String(), r.GetNamespace(), r.GetName(), []apierror.FieldViolation{{Field: "patch", Description: err.Error()}})
		case err != nil:
			return nil, bad(err)
		}
		return after, nil
	}
	var target, change map[string]any
	if err := decode(text, &target); err != nil {
		return nil, apierror.Internal(err)
	}
	if err := decode(r.GetPatch(), &change); err != nil {
		return nil, bad(err)
	}
	var after any
	if r.GetType() == metav1.PatchType_PATCH_TYPE_STRATEGIC {
		merged, err := strategic.Apply(k.New().ProtoReflect().Descriptor(), target, change)
		if err != nil {
			return nil, bad(err)
		}
		after = merged
	} else {
		after = merge.Apply(target, change)
	}
	return json.Marshal(after)
}

// decode keeps numbers as they are written: a float64 would round large ones.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(v)
}
