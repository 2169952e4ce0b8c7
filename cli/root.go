// Package cli is what users type: the verbs of kubectl on Kaji's API.
//
// It owns commands, flags, output and the words of errors. It keeps no state of its own beside the client
// configuration (cli/config), and asks the API for everything else through the client package; what a
// declared object should become is worked out in manifest/merge, what a table shows in cli/printers.
// One command per file. A command tree serves one invocation at a time.
package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
)

// Streams are where commands read and write.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Options is what the commands need from outside.
type Options struct {
	Streams
	// Now is the clock that ages are reckoned by.
	Now func() time.Time
	// Connect opens the connection to the API.
	Connect func(client.Config) (*client.Client, error)
	// Client replaces configuration and connection; for tests. The commands close neither.
	Client *client.Client
	// StartAgent runs the agent of a node that has just joined; when nil, `node join` only gets the certificate.
	StartAgent func(context.Context, Agent) error
	// Version is what `version` prints for the client.
	Version string
}

// System returns the options of a real terminal.
func System() Options {
	return Options{Streams: Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, Version: buildVersion()}
}

// Groups of commands in the help.
const (
	groupBasic    = "basic"
	groupDeploy   = "deploy"
	groupDebug    = "debug"
	groupSettings = "settings"
)

// NewRootCommand makes the command `kaji` with all of the users' verbs. More may be added to it.
func NewRootCommand(o Options) *cobra.Command {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Connect == nil {
		o.Connect = client.Dial
	}
	s := &session{Options: o}
	root := &cobra.Command{
		Use:   "kaji",
		Short: "Kaji runs containers on machines, and keeps them running",
		Long: `Kaji runs containers on machines, and keeps them running.

Declare what should run in a manifest, apply it, and look at it:

  kaji apply -f examples/web.yaml
  kaji get pods
  kaji logs deployment/web`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without this cobra takes an unknown command for an argument and says nothing.
		Args:              cobra.NoArgs,
		PersistentPreRunE: s.checkColour,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(o.In)
	root.SetOut(o.Out)
	root.SetErr(o.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{command: c, err: err}
	})
	s.bind(root)
	root.AddGroup(
		&cobra.Group{ID: groupBasic, Title: "Everyday:"},
		&cobra.Group{ID: groupDeploy, Title: "Deployments:"},
		&cobra.Group{ID: groupDebug, Title: "Looking closer:"},
		&cobra.Group{ID: groupSettings, Title: "Settings:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupBasic, newApply(s), newDiff(s), newCreate(s), newGet(s), newDelete(s), newReplace(s), newEdit(s), newPatch(s), newLabel(s), newAnnotate(s), newRun(s), newKustomize(s))
	add(groupDeploy, newExpose(s), newScale(s), newRollout(s), newSet(s), newWait(s))
	add(groupDebug, newDescribe(s), newExplain(s), newLogs(s), newExec(s), newCp(s), newWhy(s), newEvents(s), newCordon(s), newUncordon(s), newDrain(s), newTaint(s), newDebug(s))
	add(groupDebug, newAttach(s), newPortForward(s), newUI(s))
	add(groupSettings, newAPIResources(s), newAPIVersions(s), newAuth(s), newClusterInfo(s), newConfig(s), newToken(s), newNode(s), newOptions(s), newMan(s), newVersion(s))
	root.AddCommand(newDocs(s))
	root.SetHelpCommandGroupID(groupSettings)
	root.SetCompletionCommandGroupID(groupSettings)
	describeBuiltIn(root)
	return root
}

// describeBuiltIn gives the commands that cobra adds words as the others have.
func describeBuiltIn(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	help := child(root, "help")
	help.Short, help.Example = "Say what a command does, and which flags it has", "  kaji help rollout undo"
	help.Long = "Say what a command does, and which flags it has, as COMMAND --help does."
	completion := child(root, "completion")
	completion.Short = "Write the completion of commands, flags and names for a shell"
	completion.Long = "Write what a shell needs to complete commands, flags, and names of objects, which the cluster is asked for."
	completion.Example = "  source <(kaji completion bash)"
	for shell, example := range map[string]string{
		"bash":       "  source <(kaji completion bash)\n  kaji completion bash > /etc/bash_completion.d/kaji",
		"zsh":        "  source <(kaji completion zsh)\n  kaji completion zsh > \"${fpath[1]}/_kaji\"",
		"fish":       "  kaji completion fish | source\n  kaji completion fish > ~/.config/fish/completions/kaji.fish",
		"powershell": "  kaji completion powershell | Out-String | Invoke-Expression",
	} {
		c := child(completion, shell)
		c.Short, c.Example = "Write the completion for "+shell, example
		c.Long = c.Short + ". The examples load it for this shell, and for all to come."
	}
}
