package reference_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/reference"
)

func tree() *cobra.Command {
	run := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "tool", Short: "Do things"}
	root.AddGroup(&cobra.Group{ID: "a", Title: "Things:"})
	root.PersistentFlags().String("where", "here", "the place")
	make := &cobra.Command{Use: "make", Short: "Make things", GroupID: "a"}
	cup := &cobra.Command{Use: "cup NAME", Short: "Make a cup", Long: "Make a cup. It holds <much>:\n\n  tea\n  milk", Example: "  tool make cup blue", RunE: run}
	cup.Flags().Int("size", 3, "how large")
	make.AddCommand(cup)
	root.AddCommand(make,
		&cobra.Command{Use: "secret", Hidden: true, RunE: run},
		&cobra.Command{Use: "theirs", Short: "A plugin", Annotations: map[string]string{reference.PluginAnnotation: "true"}, RunE: run})
	return root
}

func TestMarkdown(t *testing.T) {
	pages := reference.Markdown(tree())
	for _, want := range []string{"## Things\n", "- [kaji make](make.md): Make things: [cup](make.md#tool-make-cup)", "--where string", "- [kaji help](help.md)"} {
		if !strings.Contains(pages["README.md"], want) {
			t.Errorf("no %q in\n%s", want, pages["README.md"])
		}
	}
	for _, want := range []string{"# tool make\n\nMake things.\n\n## tool make cup\n\nMake a cup.\n\n```text\ntool make cup NAME [flags]\n```\n", "It holds &lt;much>:\n\n```text\ntea\nmilk\n```\n", "```sh\ntool make cup blue\n```\n", "--size int   how large (default 3)"} {
		if !strings.Contains(pages["make.md"], want) {
			t.Errorf("no %q in\n%s", want, pages["make.md"])
		}
	}
	for _, name := range []string{"secret.md", "theirs.md"} {
		if pages[name] != "" {
			t.Errorf("there is a page %s", name)
		}
	}
}

func TestStale(t *testing.T) {
	dir := t.TempDir()
	if err := reference.WriteMarkdown(tree(), dir); err != nil {
		t.Fatal(err)
	}
	stale := func() []string {
		t.Helper()
		out, err := reference.Stale(tree(), os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(out)
		return out
	}
	if out := stale(); len(out) != 0 {
		t.Errorf("stale after writing: %v", out)
	}
	written, err := os.ReadFile(filepath.Join(dir, "make.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"gone.md": string(written), "overview.md": "# Mine\n", "make.md": "old"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := stale(); !slices.Equal(out, []string{"gone.md", "make.md"}) {
		t.Errorf("stale: %v", out)
	}
	if err := reference.WriteMarkdown(tree(), dir); err != nil {
		t.Fatal(err)
	}
	if out := stale(); len(out) != 0 {
		t.Errorf("stale after writing again: %v", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "overview.md")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "gone.md")); !os.IsNotExist(err) {
		t.Error("gone.md stays")
	}
}

func TestMan(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "0")
	dir := filepath.Join(t.TempDir(), "man1")
	if err := reference.WriteMan(tree(), "1.2", dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tool-make-cup.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`.TH "TOOL" "1" "Jan 1970" "Kaji 1.2" "Kaji"`, ".SH SYNOPSIS", "tool make cup blue", "how large"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
