package reference

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Index is the name of the page that lists all commands.
const Index = "README.md"

// mark is the first line of every page that is written here; pages without it are somebody's own.
const mark = "<!-- Written from the commands themselves by tools/gen.sh; what is changed here is lost. -->\n"

// Markdown returns the pages by file name: one for each command of the root, with those below it, and the index.
func Markdown(root *cobra.Command) map[string]string {
	prepare(root)
	pages := map[string]string{Index: index(root)}
	for _, c := range children(root) {
		pages[c.Name()+".md"] = page(c)
	}
	return pages
}

// WriteMarkdown makes dir hold the pages, and removes those of commands that are gone. Other files stay.
func WriteMarkdown(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	pages := Markdown(root)
	stale, err := Stale(root, os.DirFS(dir))
	if err != nil {
		return err
	}
	for _, name := range stale {
		path := filepath.Join(dir, name)
		if text, ok := pages[name]; ok {
			err = errors.Join(err, os.WriteFile(path, []byte(text), 0o644))
		} else {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// Stale names the pages of a directory that do not say what the commands say: missing, different, or of a command
// that is gone.
func Stale(root *cobra.Command, dir fs.FS) ([]string, error) {
	var out []string
	pages := Markdown(root)
	for name, text := range pages {
		have, err := fs.ReadFile(dir, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if string(have) != text {
			out = append(out, name)
		}
	}
	files, err := fs.Glob(dir, "*.md")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if _, ok := pages[name]; ok {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(text), mark) {
			out = append(out, name)
		}
	}
	return out, nil
}

func index(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(mark + "\n# The command line\n\n")
	b.WriteString("`kaji` speaks to the API with the words people know from kubectl. [Overview](overview.md) says how things are\n" +
		"named, where the configuration is, how plugins are found and what differs from kubectl. What follows is what\n" +
		"`kaji COMMAND --help` says; `kaji man DIR` writes it as manual pages.\n")
	for _, t := range themes(root) {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		for _, c := range t.commands {
			fmt.Fprintf(&b, "- [kaji %s](%s.md): %s", c.Name(), c.Name(), escape(c.Short))
			var names []string
			for _, sub := range children(c) {
				names = append(names, fmt.Sprintf("[%s](%s.md#%s)", sub.Name(), c.Name(), anchor(sub)))
			}
			if len(names) > 0 {
				b.WriteString(": " + strings.Join(names, ", "))
			}
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "\n## Flags of every command\n\n```text\n%s\n```\n", flags(root.PersistentFlags()))
	return b.String()
}

func page(c *cobra.Command) string {
	var b strings.Builder
	b.WriteString(mark + "\n")
	section(&b, c, 1)
	fmt.Fprintf(&b, "\n[All commands](%s) · [flags of every command](%s#flags-of-every-command)\n", Index, Index)
	return b.String()
}

func section(b *strings.Builder, c *cobra.Command, level int) {
	fmt.Fprintf(b, "%s %s\n\n%s.\n", strings.Repeat("#", level), c.CommandPath(), escape(strings.TrimSuffix(c.Short, ".")))
	if !group(c) {
		fmt.Fprintf(b, "\n```text\n%s\n```\n", c.UseLine())
	}
	if len(c.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso `%s`.\n", strings.Join(c.Aliases, "`, `"))
	}
	long := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(c.Long), strings.TrimSuffix(c.Short, ".")+"."))
	if long != "" && long != c.Short {
		b.WriteString("\n" + prose(long) + "\n")
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", unindent(c.Example))
	}
	if usages := flags(c.NonInheritedFlags()); usages != "" {
		fmt.Fprintf(b, "\nFlags:\n\n```text\n%s\n```\n", usages)
	}
	for _, sub := range children(c) {
		b.WriteString("\n")
		section(b, sub, level+1)
	}
}

// anchor is what GitHub makes of a section's heading.
func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// prose makes Markdown of help's text: paragraphs whose lines are all indented are code.
func prose(text string) string {
	var out []string
	for _, paragraph := range strings.Split(text, "\n\n") {
		if code(paragraph) {
			out = append(out, "```text\n"+unindent(paragraph)+"\n```")
			continue
		}
		out = append(out, escape(paragraph))
	}
	return strings.Join(out, "\n\n")
}

func code(paragraph string) bool {
	for _, line := range strings.Split(strings.Trim(paragraph, "\n"), "\n") {
		if !strings.HasPrefix(line, "  ") {
			return false
		}
	}
	return true
}

// unindent takes off the spaces that all lines begin with.
func unindent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	least := -1
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if n := len(line) - len(strings.TrimLeft(line, " ")); least < 0 || n < least {
			least = n
		}
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line[min(max(least, 0), len(line)):], " ")
	}
	return strings.Join(lines, "\n")
}

// escape keeps what stands outside of `code` from being read as HTML or emphasis.
func escape(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(parts[i])
	}
	return strings.Join(parts, "`")
}
