package fake_test

import (
	"testing"

	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/client/fake"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, fake.New())
}
