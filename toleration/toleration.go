// Package toleration holds the rule by which tolerations cover taints, for those who place pods and those who
// drive them away.
//
// Its functions are pure.
package toleration

import (
	"strconv"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Covers tells whether a toleration covers a taint (core/v1 Toleration): the same effect and key, where it names
// them, and a value that its operator accepts.
func Covers(t *corev1.Toleration, taint *corev1.Taint) bool {
	if e := t.GetEffect(); e != "" && e != taint.GetEffect() {
		return false
	}
	if k := t.GetKey(); k != "" && k != taint.GetKey() {
		return false
	}
	switch t.GetOperator() {
	case "", "Equal":
		return t.GetValue() == taint.GetValue()
	case "Exists":
		return true
	case "Lt", "Gt":
		bound, err1 := strconv.ParseInt(t.GetValue(), 10, 64)
		have, err2 := strconv.ParseInt(taint.GetValue(), 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		if t.GetOperator() == "Lt" {
			return have < bound
		}
		return have > bound
	}
	return false
}

// Any tells whether one of the tolerations covers the taint.
func Any(tolerations []*corev1.Toleration, taint *corev1.Taint) bool {
	for _, t := range tolerations {
		if Covers(t, taint) {
			return true
		}
	}
	return false
}
