package admin

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func (o Options) compact() *cobra.Command {
	s := &connected{Options: o}
	c := &cobra.Command{
		Use:   "compact [REVISION]",
		Short: "Forget superseded values before a revision",
		Long: `Forget superseded values before a revision, the newest one when none is given. The store does so by itself, after minutes. Watches and paged
lists that come from before begin anew.`,
		Example: `  kaji store compact
  kaji store compact 123456`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var rev int64
			if len(args) > 0 {
				var err error
				if rev, err = strconv.ParseInt(args[0], 10, 64); err != nil || rev <= 0 {
					return fmt.Errorf("%q is no revision", args[0])
				}
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				before, err := client.Status(ctx, &storev1.StatusRequest{})
				if err != nil {
					return err
				}
				if rev == 0 {
					rev = before.Revision
				}
				res, err := client.Compact(ctx, &storev1.CompactRequest{Revision: rev})
				if err != nil {
					return err
				}
				after, err := client.Status(ctx, &storev1.StatusRequest{})
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "the oldest revision is %d; %s are held, of which %s are live (before: %s)\n",
					res.CompactRevision, size(after.Bytes), size(after.LiveBytes), size(before.Bytes))
				return nil
			})
		},
	}
	s.bind(c, changeTimeout)
	return c
}
