package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/cli"
)

func TestPlugins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	script := func(dir, name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	script(first, "kaji-hello", `echo "first $*"; cat`, 0o755)
	script(second, "kaji-hello", "echo second", 0o755)
	script(second, "kaji-hello-deep_er", `echo "deeper $*"; exit 7`, 0o755)
	script(second, "kaji-only-below", "echo below", 0o755)
	script(second, "kaji-get", "echo not this one", 0o755)
	script(second, "kaji-completion", "echo not this one", 0o755)
	script(second, "kaji-svc", "echo fine", 0o755)
	script(second, "kaji-plain", "echo no", 0o644)
	script(second, "kaji-", "echo no", 0o755)
	run := func(args ...string) (string, int) {
		t.Helper()
		var out bytes.Buffer
		root := cli.NewRootCommand(cli.Options{
			Streams: cli.Streams{In: strings.NewReader("input\n"), Out: &out, Err: &out}, Version: "test",
			Client: server(t, running).Client(),
		})
		cli.AddPlugins(root, first+string(os.PathListSeparator)+second+string(os.PathListSeparator)+"/does/not/exist"+string(os.PathListSeparator)+".")
		root.SetArgs(args)
		code := cli.Execute(t.Context(), root)
		return out.String(), code
	}
	for _, c := range []struct {
		args string
		want string
		code int
	}{
		{"hello", "first \ninput\n", 0},
		{"hello --flag -x=1 --help word", "first --flag -x=1 --help word\ninput\n", 0},
		{"hello deep-er --now", "deeper --now\n", 7},
		{"only below", "below\n", 0},
		{"svc", "fine\n", 0},
		{"get pods --no-headers -o name", "pod/web-1\npod/web-2\n", 0},
	} {
		if out, code := run(strings.Fields(c.args)...); out != c.want || code != c.code {
			t.Errorf("kaji %s: status %d, %q; want %d, %q", c.args, code, out, c.code, c.want)
		}
	}
	for args, want := range map[string]string{"plain": "unknown command", "only": "some below it"} {
		if out, code := run(args); code != 1 || !strings.Contains(out, want) {
			t.Errorf("kaji %s: status %d, %s", args, code, out)
		}
	}
	if out, _ := run("completion", "bash"); !strings.Contains(out, "__start_kaji") {
		t.Error(out)
	}
	if out, _ := run("--help"); !strings.Contains(out, "Plugins:") || !strings.Contains(out, "The plugin "+filepath.Join(first, "kaji-hello")) {
		t.Error(out)
	}
}
