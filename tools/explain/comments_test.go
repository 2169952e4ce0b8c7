package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestCommentsAreUpToDate compares the file that the CLI carries with what the proto files say now.
func TestCommentsAreUpToDate(t *testing.T) {
	want, err := comments(t.Context(), "../../proto")
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../cli/apidoc/comments.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("cli/apidoc/comments.txt is stale: run go run ./tools/explain")
	}
	for _, line := range strings.Split(strings.TrimSpace(string(want)), "\n") {
		if name, text, _ := strings.Cut(line, "\t"); text == "" {
			t.Errorf("%s has no comment", name)
		}
	}
}
