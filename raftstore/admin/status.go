package admin

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/raftstore"
)

// lookTimeout is how long members may take to say how they are.
const lookTimeout = 10 * time.Second

func (o Options) status() *cobra.Command {
	s := &connected{Options: o}
	var out output
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how each member of the store is",
		Long: `Show how each member of the store is. Each is asked by itself, so that those which do not answer are shown too, and why.
LAG is how many entries of the log a member has yet to apply, FORMAT that of log and snapshots which the store has. ALARMS are what a member is short of:
quota, disk or history; below the table is what that means. Without a quorum the exit status is 1.`,
		Example: `  kaji store status
  kaji store status --endpoints 10.0.0.1:7450 --tls-dir pki -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, where Connection) error {
				view := look(ctx, client, where.Endpoints)
				if err := out.write(c.OutOrStdout(), view, func(t *printers.Table) error { return view.table(t, o.Now()) }); err != nil {
					return err
				}
				if out.format == "" {
					view.troubles(c.OutOrStdout())
				}
				if !view.Quorum {
					return noQuorum(view)
				}
				return nil
			})
		},
	}
	s.bind(c, lookTimeout)
	out.bind(c)
	return c
}

// noQuorum says what is missing, and what to do about it.
func noQuorum(view *overview) error {
	if view.Voters == 0 {
		return cli.Advise(fmt.Errorf("no member of the store answers"), "are they running? --endpoints says where else to look")
	}
	if slices.ContainsFunc(view.Members, func(m memberView) bool { return m.LogError != "" }) {
		return cli.Advise(fmt.Errorf("no quorum: %d of %d voters answer, and some cannot write their logs", view.Answering, view.Voters),
			"make room on their disks, or whatever else their logs lack; they go on by themselves")
	}
	if view.Answering > view.Voters/2 {
		return cli.Advise(fmt.Errorf("%d of %d voters answer, but follow no leader", view.Answering, view.Voters), "they elect one within seconds; if not, look whether they reach each other")
	}
	return cli.Advise(fmt.Errorf("no quorum: %d of %d voters answer, and %d must", view.Answering, view.Voters, view.Voters/2+1),
		"start the others on their directories; if those are lost for good, see `kaji store recover --help`")
}

func (o *overview) table(t *printers.Table, now time.Time) error {
	rows := [][]string{{"ID", "ADDRESS", "ROLE", "TERM", "APPLIED", "LAG", "REVISION", "KEYS", "LIVE", "QUOTA", "SNAPSHOT", "FORMAT", "ALARMS"}}
	for _, m := range o.Members {
		if m.Error != "" {
			rows = append(rows, []string{orNone(m.ID), m.Address, m.Role, "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"})
			continue
		}
		quota, snapshot := "<unknown>", "<none>"
		if m.QuotaBytes > 0 {
			quota = fmt.Sprintf("%.0f%% of %s", 100*float64(m.LiveBytes)/float64(m.QuotaBytes), size(m.QuotaBytes))
		}
		if m.SnapshotTime != nil {
			snapshot = printers.Age(timestamppb.New(*m.SnapshotTime), now)
		}
		rows = append(rows, []string{
			m.ID, m.Address, m.Role, strconv.FormatUint(m.Term, 10), strconv.FormatUint(m.AppliedIndex, 10), strconv.FormatUint(m.Lag, 10),
			strconv.FormatInt(m.Revision, 10), strconv.FormatInt(m.Keys, 10), size(m.LiveBytes), quota, snapshot,
			m.formats(), cmp.Or(strings.Join(m.Alarms, ","), "<none>"),
		})
	}
	return t.Write(rows...)
}

// troubles says why members do not answer, or cannot write, and what they are short of.
func (o *overview) troubles(out io.Writer) {
	for _, m := range o.Members {
		if m.Error != "" {
			fmt.Fprintf(out, "%s does not answer: %s\n", cmp.Or(m.ID, m.Address), m.Error)
		}
		if m.LogError != "" {
			fmt.Fprintf(out, "%s cannot write its log: %s\n", m.ID, m.LogError)
		}
		for _, alarm := range m.Alarms {
			fmt.Fprintf(out, "%s %s\n", m.ID, m.alarm(alarm))
		}
	}
}

// formats is the format that the store has, and the newest that the member reads when that is another.
func (v *memberView) formats() string {
	switch v.Format {
	case 0: // A program from before there were several.
		return "<unknown>"
	case v.NewestFormat:
		return strconv.FormatUint(uint64(v.Format), 10)
	}
	return fmt.Sprintf("%d (reads %d)", v.Format, v.NewestFormat)
}

// alarm says what an alarm of a member means.
func (v *memberView) alarm(alarm string) string {
	switch alarm {
	case alarmQuota:
		return fmt.Sprintf("holds %s and its quota is %s: delete objects, or raise --quota-bytes on all members", size(v.LiveBytes), size(v.QuotaBytes))
	case alarmDisk:
		return fmt.Sprintf("has %s free on its disk and keeps %s: make room, or delete objects and compact", size(v.DiskFreeBytes), size(v.DiskReserveBytes))
	case alarmHistory:
		return fmt.Sprintf("has %s of superseded values that wait for compaction: it ends by itself", size(v.Bytes-v.LiveBytes))
	}
	return "has the alarm " + alarm + ", which this program does not know"
}

func orNone(s string) string {
	if s == "" {
		return "<unknown>"
	}
	return s
}
