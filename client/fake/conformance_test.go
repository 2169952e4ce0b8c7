package fake_test

import (
	"context"
	"testing"

	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/client/fake"
)

func TestConformance(t *testing.T) {
	s := fake.NewServer()
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
