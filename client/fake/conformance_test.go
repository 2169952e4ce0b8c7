package fake_test

import (
	"context"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"
)

func TestConformance(t *testing.T) {
	s := fake.NewServer()
	s.Warn(func(o kind.Object) []string {
		if p, ok := o.(*corev1.Pod); ok && p.GetSpec().GetOs().GetName() == "windows" {
			return []string{"spec.os.name: there are no Windows nodes"}
		}
		return nil
	})
	compact := func(context.Context) error { s.Compact(); return nil }
	t.Run("typed services", func(t *testing.T) {
		conformance.Run(t, conformance.Typed(s), conformance.Options{Compact: compact})
	})
	t.Run("ResourceService", func(t *testing.T) {
		conformance.Run(t, conformance.Generic(s.Client()), conformance.Options{Compact: compact})
	})
	t.Run("SDK", func(t *testing.T) {
		conformance.Run(t, conformance.Resources(s.Client()), conformance.Options{Compact: compact, Client: s.Client()})
	})
}
