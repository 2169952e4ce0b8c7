package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/strategy"
)

// TestPageIsUpToDate compares the page in docs/ with what the descriptors say now.
func TestPageIsUpToDate(t *testing.T) {
	have, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page()) {
		t.Error("docs/compatibility.md is stale: run go run ./tools/compatibility")
	}
}

// TestPageNamesEveryGap expects each entry of the table to show somewhere: an entry that no kind leads to is a mistake.
func TestPageNamesEveryGap(t *testing.T) {
	text := string(page())
	for _, g := range strategy.Unsupported() {
		if !strings.Contains(text, g.Why) {
			t.Errorf("%s.%s is not on the page", g.Message, g.Field)
		}
	}
}

// TestActors expects every kind that somebody is said to act on to exist, and not to be said to be idle.
func TestActors(t *testing.T) {
	for message := range actors {
		k := kind.ByMessage(message)
		if k == nil || idle(k) != nil {
			t.Errorf("%s is acted on, but is no kind, or idle", message)
		}
	}
}
