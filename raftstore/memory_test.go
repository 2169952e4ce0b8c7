package raftstore_test

import (
	"testing"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/conformance"
)

func TestMemoryConformance(t *testing.T) {
	conformance.Run(t, func(*testing.T) raftstore.Store { return raftstore.NewMemory() })
}

func TestMemoryWatchers(t *testing.T) {
	conformance.Watchers(t, raftstore.NewMemory(), 50)
}
