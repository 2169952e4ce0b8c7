package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/reference"
)

// pluginPrefix is what the names of plugins begin with.
const pluginPrefix = "kaji-"

// pluginGrace is how long an interrupted plugin has to end by itself.
const pluginGrace = 10 * time.Second

// AddPlugins adds a command for each executable on path, a list of folders as $PATH is, whose name begins with
// kaji-: kaji-foo is `kaji foo`, kaji-foo-bar is `kaji foo bar`, and an underscore stands for a dash. It is to be
// called when all other commands are there, since those win; of two files of a name, the first on the path does.
func AddPlugins(root *cobra.Command, path string) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // what lies in the folder one happens to be in is not meant
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if name, ok := strings.CutPrefix(e.Name(), pluginPrefix); ok {
				addPlugin(root, strings.Split(name, "-"), filepath.Join(dir, e.Name()))
			}
		}
	}
}

func addPlugin(root *cobra.Command, words []string, file string) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return
	}
	at := root
	for i, word := range words {
		word = strings.ReplaceAll(word, "_", "-")
		if word == "" {
			return
		}
		next := child(at, word)
		if next != nil && next.Annotations[pluginAnnotation] == "" {
			return // built in
		}
		if next == nil {
			next = &cobra.Command{
				Use: word, Annotations: map[string]string{pluginAnnotation: "true"}, DisableFlagParsing: true,
				RunE: func(c *cobra.Command, _ []string) error {
					return usage(c, "there is no such command; %s has some below it", c.CommandPath())
				},
			}
			if i == 0 {
				if !root.ContainsGroup(groupPlugins) {
					root.AddGroup(&cobra.Group{ID: groupPlugins, Title: "Plugins:"})
				}
				next.GroupID = groupPlugins
			}
			at.AddCommand(next)
		}
		at = next
	}
	if at.Short != "" {
		return // an earlier folder has it
	}
	at.Short = "The plugin " + file
	at.RunE = func(c *cobra.Command, args []string) error { return runPlugin(c, file, args) }
}

const (
	groupPlugins     = "plugins"
	pluginAnnotation = reference.PluginAnnotation
)

func child(c *cobra.Command, name string) *cobra.Command {
	for _, one := range c.Commands() {
		if one.Name() == name || one.HasAlias(name) {
			return one
		}
	}
	return nil
}

// runPlugin runs a plugin with all that comes after its name. Its exit status is the command's.
func runPlugin(c *cobra.Command, file string, args []string) error {
	run := exec.CommandContext(c.Context(), file, args...)
	run.Stdin, run.Stdout, run.Stderr = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = pluginGrace
	err := run.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return &ExitError{Code: exit.ExitCode()}
	case err != nil && c.Context().Err() != nil:
		return context.Canceled
	}
	return err
}
