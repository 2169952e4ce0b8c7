package registry

import (
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"kaji.dev/kaji/apierror"
)

// maxOperations bounds a JSON patch, as Kubernetes does: each may move the whole of a list.
const maxOperations = 10_000

// jsonPatch is RFC 6902. A patch whose test operation does not hold is invalid for the object, as in Kubernetes.
func jsonPatch(patch []byte) (patcher, error) {
	ops, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, badPatch(err)
	}
	if len(ops) > maxOperations {
		return nil, badPatch(fmt.Errorf("it has %d operations; at most %d are applied", len(ops), maxOperations))
	}
	options := jsonpatch.NewApplyOptions()
	// A few dozen copies of an object into itself would fill any memory.
	options.AccumulatedCopySizeLimit = maxObjectBytes
	return func(current []byte) ([]byte, error) {
		after, err := ops.ApplyWithOptions(current, options)
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
