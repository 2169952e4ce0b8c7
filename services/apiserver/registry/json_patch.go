package registry

import (
	"errors"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"kaji.dev/kaji/apierror"
)

// jsonPatch is RFC 6902. A patch whose test operation does not hold is invalid for the object, as in Kubernetes.
func jsonPatch(patch []byte) (patcher, error) {
	ops, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, badPatch(err)
	}
	return func(current []byte) ([]byte, error) {
		after, err := ops.Apply(current)
		switch {
		case errors.Is(err, jsonpatch.ErrTestFailed):
			return nil, (&apierror.Error{Reason: apierror.ReasonInvalid, Message: "the patch cannot be applied: " + err.Error(),
				Violations: []apierror.FieldViolation{{Field: "patch", Description: err.Error()}}}).WithCause(err)
		case err != nil:
			return nil, badPatch(err)
		}
		return after, nil
	}, nil
}
