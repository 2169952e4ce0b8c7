// Package reference writes down a tree of commands for people to read away from the terminal: Markdown pages for
// docs/cli and manual pages for man(1). All that it says comes from the commands' Short, Long, Example and flags.
//
// Commands that are hidden or deprecated, and plugins, are left out. Its functions change nothing but help and
// completion flags that cobra would add itself on execution; one tree is to be written by one goroutine at a time.
package reference

import (
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// PluginAnnotation marks commands that come from an executable of the user's own.
const PluginAnnotation = "kaji.dev/plugin"

// theme is a group of commands as help shows it.
type theme struct {
	title    string
	commands []*cobra.Command
}

// themes are the groups of the root that have commands, in their order; what is in no group comes last.
func themes(root *cobra.Command) []theme {
	var out []theme
	add := func(title, group string) {
		var some []*cobra.Command
		for _, c := range children(root) {
			if c.GroupID == group {
				some = append(some, c)
			}
		}
		if len(some) > 0 {
			out = append(out, theme{title, some})
		}
	}
	for _, g := range root.Groups() {
		add(strings.TrimSuffix(g.Title, ":"), g.ID)
	}
	add("Others", "")
	return out
}

// children are the commands below another that are for people, by name.
func children(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, one := range c.Commands() {
		if one.Hidden || one.Deprecated != "" || one.Annotations[PluginAnnotation] != "" {
			continue
		}
		out = append(out, one)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name() < out[j].Name() })
	return out
}

// Walk calls f for every command below root that is for people, parents first.
func Walk(root *cobra.Command, f func(*cobra.Command)) {
	for _, c := range children(root) {
		f(c)
		Walk(c, f)
	}
}

// Services is the group of commands that are run by machines: as processes of `kaji up`, or by a process manager.
const Services = "services"

// Verbs are the paths of the commands that people run, such as "kaji rollout undo": neither services, nor commands that
// only hold others together.
func Verbs(root *cobra.Command) []string {
	prepare(root)
	var out []string
	Walk(root, func(c *cobra.Command) {
		if c.Runnable() && !group(c) && c.GroupID != Services {
			out = append(out, c.CommandPath())
		}
	})
	return out
}

// group says whether a command only holds others together.
func group(c *cobra.Command) bool {
	return len(children(c)) > 0 && !c.LocalNonPersistentFlags().HasFlags()
}

// prepare adds what cobra adds on execution only, so that a page says the same as --help.
func prepare(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
}

// flags are the usages of a command's own flags, of which help is none worth reading about.
func flags(set *pflag.FlagSet) string {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = set.SortFlags
	set.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && !f.Hidden {
			own.AddFlag(f)
		}
	})
	return strings.TrimRight(own.FlagUsages(), "\n")
}
