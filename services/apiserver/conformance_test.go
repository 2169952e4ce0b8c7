package apiserver_test

import (
	"testing"

	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func TestConformance(t *testing.T) {
	conformance.Run(t, apitest.Start(t, nil).Client())
}
