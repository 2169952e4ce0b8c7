package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
)

func newAuth(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "auth",
		Short:   "Say who you are to the cluster, and what you may do",
		Example: "  kaji auth whoami -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no auth command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newWhoAmI(s), newCanI(s))
	return c
}

func newWhoAmI(s *session) *cobra.Command {
	var out data
	c := &cobra.Command{
		Use:     "whoami",
		Short:   "Say as whom the server knows you",
		Example: "  kaji auth whoami\n  kaji auth whoami -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			who, err := apiv1.NewAuthServiceClient(conn.Conn()).WhoAmI(c.Context(), &apiv1.WhoAmIRequest{})
			if err != nil {
				return apierror.FromStatus(err)
			}
			if !out.wanted() {
				fmt.Fprintf(s.Out, "Name:    %s\nGroups:  %s\n", who.GetName(), strings.Join(who.GetGroups(), ", "))
				return nil
			}
			return out.write(s.Out, map[string]any{"name": who.GetName(), "groups": append([]string{}, who.GetGroups()...)})
		},
	}
	out.bind(c)
	return c
}
