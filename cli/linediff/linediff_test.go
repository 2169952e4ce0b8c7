package linediff_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kaji.dev/kaji/cli/linediff"
)

func TestUnified(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"a\nb\n", "a\nb\n", ""},
		{"", "a\n", "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n"},
		{"a\nb\n", "", "--- x\n+++ y\n@@ -1,2 +0,0 @@\n-a\n-b\n"},
		{"1\n2\n3\n4\n5\n", "1\n2\n3\n4\nx\n", "--- x\n+++ y\n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+x\n"},
		{"a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
			"--- x\n+++ y\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n"},
	} {
		if got := linediff.Unified("x", "y", c.from, c.to); got != c.want {
			t.Errorf("%q → %q:\n%s\nwant\n%s", c.from, c.to, got, c.want)
		}
	}
}

// TestPatchTakesIt applies differences with patch(1), which must give the second text.
func TestPatchTakesIt(t *testing.T) {
	patch, err := exec.LookPath("patch")
	if err != nil {
		t.Skip("there is no patch(1) here; TestItLeadsFromOneToTheOther checks the same by hand")
	}
	rapid.Check(t, func(t *rapid.T) {
		from, to := draw(t, "from"), draw(t, "to")
		text := linediff.Unified("a", "b", from, to)
		if text == "" {
			return
		}
		path := filepath.Join(os.TempDir(), fmt.Sprintf("kaji-linediff-%d", os.Getpid()))
		defer os.Remove(path)
		if err := os.WriteFile(path, []byte(from), 0o600); err != nil {
			t.Fatal(err)
		}
		run := exec.Command(patch, "-s", "-o", "-", path)
		run.Stdin = strings.NewReader(text)
		out, err := run.Output()
		if err != nil || string(out) != to {
			t.Fatalf("patch made %q of %q by\n%s\nwant %q (%v)", out, from, text, to, err)
		}
	})
}

// TestItLeadsFromOneToTheOther applies differences by hand.
func TestItLeadsFromOneToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := draw(t, "from"), draw(t, "to")
		text := linediff.Unified("a", "b", from, to)
		lines := strings.SplitAfter(from, "\n")
		var out strings.Builder
		at := 0
		for _, l := range strings.SplitAfter(text, "\n") {
			var start, count int
			switch {
			case l == "" || strings.HasPrefix(l, "---") || strings.HasPrefix(l, "+++"):
			case strings.HasPrefix(l, "@@"):
				if _, err := fmt.Sscanf(l, "@@ -%d,%d", &start, &count); err != nil {
					count = 1
				}
				if count > 0 {
					start--
				}
				for ; at < start; at++ {
					out.WriteString(lines[at])
				}
			case l[0] == '+':
				out.WriteString(l[1:])
			default:
				if lines[at] != l[1:] {
					t.Fatalf("line %d is %q, not %q:\n%s", at+1, lines[at], l[1:], text)
				}
				if l[0] == ' ' {
					out.WriteString(l[1:])
				}
				at++
			}
		}
		out.WriteString(strings.Join(lines[at:], ""))
		if out.String() != to {
			t.Fatalf("got %q, want %q by\n%s", out.String(), to, text)
		}
	})
}

func draw(t *rapid.T, name string) string {
	var b strings.Builder
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 4), 0, 40).Draw(t, name) {
		fmt.Fprintf(&b, "line %d\n", n)
	}
	return b.String()
}
