package toleration

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestCovers(t *testing.T) {
	taint := &corev1.Taint{Key: "k", Value: "5", Effect: "NoExecute"}
	for name, c := range map[string]struct {
		t    *corev1.Toleration
		want bool
	}{
		"the same":         {&corev1.Toleration{Key: "k", Operator: "Equal", Value: "5", Effect: "NoExecute"}, true},
		"no operator":      {&corev1.Toleration{Key: "k", Value: "5"}, true},
		"another value":    {&corev1.Toleration{Key: "k", Value: "6"}, false},
		"another effect":   {&corev1.Toleration{Key: "k", Operator: "Exists", Effect: "NoSchedule"}, false},
		"another key":      {&corev1.Toleration{Key: "x", Operator: "Exists"}, false},
		"everything":       {&corev1.Toleration{Operator: "Exists"}, true},
		"less":             {&corev1.Toleration{Key: "k", Operator: "Lt", Value: "6"}, true},
		"not less":         {&corev1.Toleration{Key: "k", Operator: "Lt", Value: "5"}, false},
		"more":             {&corev1.Toleration{Key: "k", Operator: "Gt", Value: "4"}, true},
		"no number":        {&corev1.Toleration{Key: "k", Operator: "Gt", Value: "x"}, false},
		"unknown operator": {&corev1.Toleration{Key: "k", Operator: "Like", Value: "5"}, false},
	} {
		if got := Covers(c.t, taint); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if got := Any([]*corev1.Toleration{{Key: "none"}, c.t}, taint); got != c.want {
			t.Errorf("any, %s: %v", name, got)
		}
	}
}
