package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/cli/printers"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

const (
	// checkTimeout is how long a check may take; hashing a large store takes seconds for each GiB.
	checkTimeout = 5 * time.Minute
	// lagging is how many entries behind the leader a member may be without being told of.
	lagging = 4096
	// fullWarning is the share of the quota from which it is told of, in percent.
	fullWarning = 80
	// hashTries is how often members are hashed anew when the revision is compacted meanwhile.
	hashTries = 3
)

// Results of a check.
const (
	resultOK      = "ok"
	resultWarning = "warning"
	resultProblem = "problem"
)

// finding is what one check found.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	What   string `json:"what"`
}

func (o Options) check() *cobra.Command {
	s := &connected{Options: o}
	var out output
	var dir string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check that the members of the store are well and hold the same",
		Long: `Check that the members of the store are well and hold the same: whether there is a leader, how many more members may fail, who lags, how full the
quota is, and whether a checksum over all keys at one revision is the same on all members. Writes go on meanwhile.

With --data-dir the directory of a member that does not run is read instead: all of its log, its vote and its snapshots. What is damaged is named with file
and offset. The exit status is 1 when there is a problem; warnings are none.`,
		Example: `  kaji store check
  kaji store check --data-dir /var/lib/kaji/store/store-1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if dir != "" {
				findings, err := checkDirectory(dir)
				if err != nil {
					return err
				}
				return out.findings(c, findings)
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, where Connection) error {
				view := look(ctx, client, where.Endpoints)
				findings := judge(view)
				if view.Quorum {
					findings = append(findings, compare(ctx, client, view)...)
				}
				return out.findings(c, findings)
			})
		},
	}
	s.bind(c, checkTimeout)
	out.bind(c)
	c.Flags().StringVar(&dir, "data-dir", "", "read the directory of a member that does not run")
	return c
}

// findings writes what was found; problems make the command fail.
func (o *output) findings(c *cobra.Command, findings []finding) error {
	err := o.write(c.OutOrStdout(), findings, func(t *printers.Table) error {
		rows := [][]string{{"CHECK", "RESULT", "WHAT"}}
		for _, f := range findings {
			rows = append(rows, []string{f.Check, f.Result, f.What})
		}
		return t.Write(rows...)
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(findings, func(f finding) bool { return f.Result == resultProblem }) {
		return &cli.ExitError{Code: 1}
	}
	return nil
}

// judge says what an overview means.
func judge(o *overview) []finding {
	var out []finding
	add := func(check, result, format string, args ...any) {
		out = append(out, finding{check, result, fmt.Sprintf(format, args...)})
	}
	if o.Quorum {
		add("leader", resultOK, "%s leads in term %d", o.Leader, o.Term)
	} else {
		add("leader", resultProblem, "%s", noQuorum(o))
	}
	switch more := o.Following - (o.Voters/2 + 1); {
	case o.Following < o.Voters:
		add("quorum", resultProblem, "%d of %d voters follow the leader: %d more may fail", o.Following, o.Voters, max(more, 0))
	case o.Voters%2 == 0:
		add("quorum", resultWarning, "%d voters survive no more failures than %d", o.Voters, o.Voters-1)
	case more == 0:
		add("quorum", resultWarning, "%d voter: none may fail", o.Voters)
	default:
		add("quorum", resultOK, "all of %d voters follow the leader: %d may fail", o.Voters, more)
	}
	quotas := map[int64]bool{}
	for _, m := range o.Members {
		name := "member " + orNone(m.ID)
		quotas[m.QuotaBytes] = quotas[m.QuotaBytes] || m.Error == ""
		switch {
		case m.Error != "":
			add(name, resultProblem, "does not answer at %s: %s", m.Address, m.Error)
		case m.LogError != "":
			add(name, resultProblem, "cannot write its log: %s; it goes on by itself once it can", m.LogError)
		case m.Role == roleOutside:
			add(name, resultWarning, "answers at %s and is no member: end it", m.at)
		case m.Lag > lagging:
			add(name, resultWarning, "is %d entries behind the leader", m.Lag)
		case m.Role == roleLearner:
			add(name, resultWarning, "is a learner: promote it, or remove it")
		default:
			add(name, resultOK, "%s, revision %d", m.Role, m.Revision)
		}
		for _, alarm := range m.Alarms {
			if alarm == alarmQuota { // The leader's word on it is below.
				continue
			}
			result := resultWarning
			if alarm == alarmDisk && o.short() > o.Voters/2 { // Puts are refused.
				result = resultProblem
			}
			add(alarm+" "+orNone(m.ID), result, "%s", m.alarm(alarm))
		}
	}
	out = append(out, full(o)...)
	same := 0
	for _, used := range quotas {
		if used {
			same++
		}
	}
	if same > 1 {
		add("quota", resultWarning, "members have different quotas: which one counts changes with the leader")
	}
	return out
}

// short counts voters whose disks are short of room.
func (o *overview) short() (n int) {
	for _, m := range o.Members {
		if m.Voter && slices.Contains(m.Alarms, alarmDisk) {
			n++
		}
	}
	return n
}

// full says how full the store is, by the leader's word.
func full(o *overview) []finding {
	for _, m := range o.Members {
		if m.ID != o.Leader || m.QuotaBytes == 0 {
			continue
		}
		f := finding{"quota", resultOK, fmt.Sprintf("%s of %s are used", size(m.LiveBytes), size(m.QuotaBytes))}
		switch percent := m.LiveBytes * 100 / m.QuotaBytes; {
		case percent >= 100:
			f.Result, f.What = resultProblem, f.What+": puts are refused; delete objects, or raise --quota-bytes on all members"
		case percent >= fullWarning:
			f.Result, f.What = resultWarning, f.What+": puts are refused at the quota; delete objects, or raise --quota-bytes on all members"
		}
		return []finding{f}
	}
	return nil
}

// compare has all members that answer hash what they hold at one revision.
func compare(ctx context.Context, client *raftstore.Client, o *overview) []finding {
	for try := 1; ; try++ {
		leader, err := client.Status(ctx, &storev1.StatusRequest{})
		if err != nil {
			return []finding{{"contents", resultProblem, "cannot be compared: " + err.Error()}}
		}
		out, again := compareAt(ctx, client, o, leader.Revision)
		if !again || try == hashTries {
			return out
		}
	}
}

// compareAt compares at a revision. again tells that it has been compacted on the way.
func compareAt(ctx context.Context, client *raftstore.Client, o *overview, rev int64) (out []finding, again bool) {
	type hashed struct {
		member memberView
		res    *storev1.HashResponse
		err    error
	}
	var members []hashed
	for _, m := range o.Members {
		if m.Error == "" && m.Role != roleOutside {
			members = append(members, hashed{member: m})
		}
	}
	var wg sync.WaitGroup
	for i := range members {
		wg.Go(func() { members[i].res, members[i].err = client.HashOf(ctx, members[i].member.at, rev) })
	}
	wg.Wait()
	groups, keys := map[string][]string{}, int64(0)
	for _, h := range members {
		switch {
		case h.err == nil:
			sum := fmt.Sprintf("%x", h.res.Sha256)
			groups[sum] = append(groups[sum], h.member.ID)
			keys = h.res.Keys
		case errors.Is(h.err, raftstore.ErrCompacted):
			again = true
			fallthrough
		default:
			out = append(out, finding{"contents", resultProblem, fmt.Sprintf("%s cannot be compared at revision %d: %s", h.member.ID, rev, h.err)})
		}
	}
	switch len(groups) {
	case 0:
	case 1:
		for sum, same := range groups {
			out = append(out, finding{"contents", resultOK, fmt.Sprintf("the same on %s at revision %d: %d keys, SHA-256 %.16s…", strings.Join(same, ", "), rev, keys, sum)})
		}
	default:
		var parts []string
		for sum, same := range groups {
			parts = append(parts, fmt.Sprintf("%.16s… on %s", sum, strings.Join(same, ", ")))
		}
		slices.Sort(parts)
		out = append(out, finding{"contents", resultProblem, fmt.Sprintf("not the same at revision %d: %s; replace the members that are alone with theirs, under new ids", rev, strings.Join(parts, "; "))})
	}
	return out, again
}
