package mvcc

import (
	"bytes"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Bounds of a request, as the contract states them.
const (
	MaxKeyBytes   = 4 << 10
	MaxValueBytes = 8 << 20
	MaxOps        = 4096
)

// ValidateTxn says why a transaction could never be carried out. It is called before a transaction is proposed. What it refuses may
// grow; what Apply refuses may not.
func ValidateTxn(req *storev1.TxnRequest) error {
	if err := checkForm(req); err != nil {
		return err
	}
	if err := checkSteps("success", req.Success); err != nil {
		return err
	}
	if err := checkSteps("failure", req.Failure); err != nil {
		return err
	}
	unknown := len(req.ProtoReflect().GetUnknown()) > 0
	for _, c := range req.Compares {
		unknown = unknown || len(c.ProtoReflect().GetUnknown()) > 0
	}
	if unknown {
		return errUnknown
	}
	return nil
}

// errUnknown refuses what a newer client asks of an older member. It must not get into the log: a member that knows the field
// would do something else with it than one that does not.
var errUnknown = errorf(Invalid, "the request has fields that this version does not know: upgrade all members of the store first")

func checkSteps(field string, ops []*storev1.Op) error {
	for i, op := range ops {
		unknown := len(op.ProtoReflect().GetUnknown())
		switch op := op.Op.(type) {
		case *storev1.Op_Put:
			unknown += len(op.Put.ProtoReflect().GetUnknown())
		case *storev1.Op_Delete:
			unknown += len(op.Delete.ProtoReflect().GetUnknown())
		case *storev1.Op_Range:
			unknown += len(op.Range.ProtoReflect().GetUnknown())
			if rev := op.Range.GetRevision(); rev < 0 {
				return errorf(Invalid, "%s[%d].range.revision: %d is negative", field, i, rev)
			}
			if op.Range.GetMaxStaleness() != nil {
				return errorf(Invalid, "%s[%d].range.max_staleness: a transaction reads what is newest where it stands in the log", field, i)
			}
		}
		if unknown > 0 {
			return errUnknown
		}
	}
	return nil
}

// checkForm is what Apply itself asks of a transaction, so that no log can make it misbehave. All members must answer alike, so
// a change here needs a new format (see format.go).
func checkForm(req *storev1.TxnRequest) error {
	if n := max(len(req.Success), len(req.Failure)); n > MaxOps || len(req.Compares) > MaxOps {
		return errorf(Invalid, "a transaction has at most %d compares and %d steps either way", MaxOps, MaxOps)
	}
	for i, c := range req.Compares {
		if err := validateKey(c.GetKey()); err != nil {
			return errorf(Invalid, "compares[%d].key: %s", i, err)
		}
		if c.Target == nil {
			return errorf(Invalid, "compares[%d]: no target", i)
		}
		if _, ok := storev1.CompareOperator_name[int32(c.Operator)]; !ok {
			return errorf(Invalid, "compares[%d].operator: %d is unknown", i, c.Operator)
		}
	}
	if err := validateOps("success", req.Success); err != nil {
		return err
	}
	return validateOps("failure", req.Failure)
}

// ValidateRange says why keys could never be a range.
func ValidateRange(key, end []byte) error {
	if len(end) == 0 {
		if err := validateKey(key); err != nil {
			return errorf(Invalid, "key: %s", err)
		}
		return nil
	}
	if len(key) > MaxKeyBytes || len(end) > MaxKeyBytes {
		return errorf(Invalid, "key: longer than %d bytes", MaxKeyBytes)
	}
	return nil
}

func validateKey(key []byte) *Error {
	switch {
	case len(key) == 0:
		return errorf(Invalid, "empty")
	case len(key) > MaxKeyBytes:
		return errorf(Invalid, "%d bytes, which is more than %d", len(key), MaxKeyBytes)
	}
	return nil
}

func validateOps(field string, ops []*storev1.Op) error {
	var puts [][]byte
	var deletes []KeyRange
	for i, op := range ops {
		switch op := op.GetOp().(type) {
		case *storev1.Op_Put:
			if err := validateKey(op.Put.GetKey()); err != nil {
				return errorf(Invalid, "%s[%d].put.key: %s", field, i, err)
			}
			if n := len(op.Put.GetValue()); n > MaxValueBytes {
				return errorf(Invalid, "%s[%d].put.value: %d bytes, which is more than %d", field, i, n, MaxValueBytes)
			}
			puts = append(puts, op.Put.Key)
		case *storev1.Op_Delete:
			if err := ValidateRange(op.Delete.GetKey(), op.Delete.GetRangeEnd()); err != nil {
				return errorf(Invalid, "%s[%d].delete.%s", field, i, err)
			}
			deletes = append(deletes, KeyRange{op.Delete.Key, op.Delete.RangeEnd})
		case *storev1.Op_Range:
			if err := ValidateRange(op.Range.GetKey(), op.Range.GetRangeEnd()); err != nil {
				return errorf(Invalid, "%s[%d].range.%s", field, i, err)
			}
		default:
			return errorf(Invalid, "%s[%d]: no step", field, i)
		}
	}
	return oneWritePerKey(field, puts, deletes)
}

func oneWritePerKey(field string, puts [][]byte, deletes []KeyRange) error {
	if len(puts) > 8 {
		seen := make(map[string]struct{}, len(puts))
		for _, key := range puts {
			seen[string(key)] = struct{}{}
		}
		if len(seen) < len(puts) {
			return errorf(Invalid, "%s: a key is put twice", field)
		}
	} else {
		for i := range puts {
			for _, other := range puts[:i] {
				if bytes.Equal(puts[i], other) {
					return errorf(Invalid, "%s: key %q is put twice", field, other)
				}
			}
		}
	}
	if len(puts) == 0 {
		return nil
	}
	for _, d := range deletes {
		for _, key := range puts {
			if d.Contains(key) {
				return errorf(Invalid, "%s: key %q is both put and deleted", field, key)
			}
		}
	}
	return nil
}
