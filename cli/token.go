package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
)

func newToken(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "token", Short: "Make tokens that nodes join with", Example: "  kaji token create --ttl=1h --print-join-command",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no token command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newTokenCreate(s))
	return c
}

func newTokenCreate(s *session) *cobra.Command {
	var ttl time.Duration
	var description string
	var command bool
	var out data
	c := &cobra.Command{
		Use:     "create",
		Short:   "Make a join token and print it",
		Long:    "Make a join token and print it. It names the cluster's CA, so that the node that uses it cannot be led to another cluster. Keep it secret: who has it can become a node.",
		Example: "  kaji token create --ttl=1h\n  kaji token create --print-join-command",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			if ttl <= 0 {
				return usage(c, "--ttl must be more than 0")
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			r, err := apiv1.NewJoinServiceClient(conn.Conn()).CreateToken(c.Context(), &apiv1.CreateTokenRequest{Ttl: durationpb.New(ttl), Description: description})
			if err != nil {
				return apierror.FromStatus(err)
			}
			if out.wanted() {
				return out.write(s.Out, map[string]any{
					"token": r.GetToken(), "expires": r.GetExpiresAt().AsTime().Format(time.RFC3339),
					"joinCommand": fmt.Sprintf("kaji node join %s --token %s", s.endpoint(), r.GetToken()),
				})
			}
			if command {
				fmt.Fprintf(s.Out, "kaji node join %s --token %s\n", s.endpoint(), r.GetToken())
			} else {
				fmt.Fprintln(s.Out, r.GetToken())
			}
			fmt.Fprintf(s.Err, "It is good until %s.\n", r.GetExpiresAt().AsTime().Local().Format(time.RFC1123))
			return nil
		},
	}
	out.bind(c)
	c.Flags().DurationVar(&ttl, "ttl", 24*time.Hour, "how long the token is good for")
	c.Flags().StringVar(&description, "description", "", "what the token is for")
	c.Flags().BoolVar(&command, "print-join-command", false, "print the command to run on the node")
	return c
}
