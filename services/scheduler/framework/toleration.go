package framework

import (
	"strconv"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Effects of taints.
const (
	NoSchedule       = "NoSchedule"
	PreferNoSchedule = "PreferNoSchedule"
	NoExecute        = "NoExecute"
)

// Tolerates tells whether any of the tolerations covers the taint.
func Tolerates(tolerations []*corev1.Toleration, taint *corev1.Taint) bool {
	for _, t := range tolerations {
		if tolerates(t, taint) {
			return true
		}
	}
	return false
}

func tolerates(t *corev1.Toleration, taint *corev1.Taint) bool {
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

// UntoleratedTaint returns the first taint that keeps pods with these tolerations from being scheduled; nil when none does.
func UntoleratedTaint(taints []*corev1.Taint, tolerations []*corev1.Toleration) *corev1.Taint {
	for _, t := range taints {
		if (t.GetEffect() == NoSchedule || t.GetEffect() == NoExecute) && !Tolerates(tolerations, t) {
			return t
		}
	}
	return nil
}
