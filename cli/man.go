package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/reference"
)

func newMan(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Write the manual pages of all commands into a folder, which is made when it is not there. man(1) reads them from
a folder man1 below one of those that $MANPATH names.`,
		Example: `  kaji man /usr/local/share/man/man1
  man kaji-rollout-undo`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(c, "give the folder to write them into")
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := reference.WriteMan(c.Root(), s.Version, args[0]); err != nil {
				return fmt.Errorf("writing manual pages: %w", err)
			}
			return nil
		},
	}
}

// newDocs is for those who build Kaji: tools/gen.sh writes docs/cli with it, and tests ask which commands there are.
func newDocs(s *session) *cobra.Command {
	var list bool
	c := &cobra.Command{
		Use:    "docs (DIR | --list)",
		Short:  "Write the pages of docs/cli",
		Hidden: true,
		Args:   cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if list {
				for _, path := range reference.Verbs(c.Root()) {
					fmt.Fprintln(s.Out, path)
				}
				return nil
			}
			if len(args) != 1 {
				return usage(c, "give the folder to write them into")
			}
			return reference.WriteMarkdown(c.Root(), args[0])
		},
	}
	c.Flags().BoolVar(&list, "list", false, "list the commands that users run")
	return c
}
