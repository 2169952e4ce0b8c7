package admin

import (
	"strconv"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/printers"
)

func (o Options) describe() *cobra.Command {
	var out output
	c := &cobra.Command{
		Use:   "status FILE",
		Short: "Verify a copy of the store in a file, and say what it holds",
		Long: `Verify a copy of the store in a file, and say what it holds. All of it is read and its checksum compared; no store is needed. REVISION is
the newest one in it, OLDEST the oldest that can be read.`,
		Example: `  kaji store snapshot status backup.snapshot
  kaji store snapshot status backup.snapshot -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			d, err := verify(c, args[0])
			if err != nil {
				return advise(err, 0)
			}
			return out.write(c.OutOrStdout(), d, func(t *printers.Table) error {
				number := func(n int64) string { return strconv.FormatInt(n, 10) }
				return t.Write(
					[]string{"REVISION", "OLDEST", "KEYS", "LEASES", "SIZE", "FORMAT", "SHA256"},
					[]string{number(d.Revision), number(d.CompactRevision), number(d.Keys), number(d.Leases), size(d.Bytes), number(int64(d.Format)), d.SHA256},
				)
			})
		},
	}
	out.bind(c)
	return c
}
