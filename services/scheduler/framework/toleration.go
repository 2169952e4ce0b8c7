package framework

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/toleration"
)

// Effects of taints.
const (
	NoSchedule       = "NoSchedule"
	PreferNoSchedule = "PreferNoSchedule"
	NoExecute        = "NoExecute"
)

// Tolerates tells whether any of the tolerations covers the taint.
func Tolerates(tolerations []*corev1.Toleration, taint *corev1.Taint) bool {
	return toleration.Any(tolerations, taint)
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
