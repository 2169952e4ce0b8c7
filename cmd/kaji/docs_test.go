package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/reference"
)

// program is the command tree as it is without plugins of whoever runs the test.
func program(t *testing.T) *cobra.Command {
	t.Helper()
	t.Setenv("PATH", "")
	return newRoot()
}

// TestDocsAreCurrent keeps docs/cli saying what the commands say.
func TestDocsAreCurrent(t *testing.T) {
	stale, err := reference.Stale(program(t), os.DirFS("../../docs/cli"))
	if err != nil {
		t.Fatal(err)
	}
	if len(stale) > 0 {
		t.Errorf("docs/cli is not what the commands say: %s; run `go run ./cmd/kaji docs docs/cli`", strings.Join(stale, ", "))
	}
}

// TestCommandsAreDescribed keeps every command usable without having to ask: it says in a line what it does, and
// what runs has an example that names it.
func TestCommandsAreDescribed(t *testing.T) {
	root := program(t)
	reference.Markdown(root)
	reference.Walk(root, func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short is %q: say in a line, without a full stop, what it does", c.CommandPath(), c.Short)
		}
		if !strings.Contains(c.Example, "kaji ") {
			t.Errorf("%s has no example", c.CommandPath())
		}
	})
}

var link = regexp.MustCompile(`\]\(([^)#:]+\.md)(#[^)]*)?\)`)

// TestLinks keeps links between the pages of docs and the README from leading nowhere.
func TestLinks(t *testing.T) {
	files := []string{"../../README.md", "../../CONTRIBUTING.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
	}
}
