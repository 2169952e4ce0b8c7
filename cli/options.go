package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newOptions(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "options",
		Short:   "List the flags that every command takes",
		Example: "  kaji options",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintf(s.Out, "Every command takes these flags:\n\n%s", c.Root().PersistentFlags().FlagUsages())
			return nil
		},
	}
}
