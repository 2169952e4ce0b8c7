package admin

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"

	"kaji.dev/kaji/cli/printers"
)

const (
	// changeTimeout is how long a change of members may take.
	changeTimeout = time.Minute
	// catchUpTimeout is how long a new member may take to catch up.
	catchUpTimeout = 30 * time.Minute
	// catchUpPause is the time between two looks at how far it is.
	catchUpPause = 500 * time.Millisecond
)

func (o Options) members() *cobra.Command {
	s := &connected{Options: o}
	var out output
	c := &cobra.Command{
		Use:   "members",
		Short: "List the members of the store",
		Example: `  kaji store members
  kaji store members -o yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				st, err := client.Status(ctx, &storev1.StatusRequest{})
				if err != nil {
					return err
				}
				return out.members(c, st.Members)
			})
		},
	}
	s.bind(c, lookTimeout)
	out.bind(c)
	return c
}

// memberLine is a member as it is listed.
type memberLine struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Voter   bool   `json:"voter"`
}

func (o *output) members(c *cobra.Command, members []*storev1.Member) error {
	list := make([]memberLine, len(members))
	rows := [][]string{{"ID", "ADDRESS", "ROLE"}}
	for i, m := range members {
		list[i] = memberLine{m.Id, m.Address, m.Voter}
		role := roleVoter
		if !m.Voter {
			role = roleLearner
		}
		rows = append(rows, []string{m.Id, m.Address, role})
	}
	return o.write(c.OutOrStdout(), list, func(t *printers.Table) error { return t.Write(rows...) })
}

func (o Options) add() *cobra.Command {
	s := &connected{Options: o}
	var voter bool
	var certificate string
	c := &cobra.Command{
		Use:   "add ID HOST:PORT",
		Short: "Let a member into the store",
		Long: `Let a member into the store: as a learner, which gets all that is written and has no vote. It is started with an empty
directory and without --initial-members, before or after this. "kaji store promote" gives it its vote once it has caught up; --voter waits for
that and does it too. An id is never used twice: whoever lost its disk comes back under another one.

A member that is there already gets another address.`,
		Example: `  kaji store add store-4 10.0.0.4:7450 --certificate-dir pki
  kaji store add store-4 10.0.0.4:7450 --voter`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			id, address := args[0], args[1]
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return fmt.Errorf("%q is not HOST:PORT: %w", address, err)
			}
			if certificate != "" {
				files, err := o.Issue(c, s.where, id, host, certificate)
				if err != nil {
					return fmt.Errorf("no certificate for %s: %w", id, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "certificate of %s: %s and %s\n", id, files.Cert, files.Key)
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				res, err := client.MemberAdd(ctx, &storev1.MemberAddRequest{Member: &storev1.Member{Id: id, Address: address}})
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "member %s is in, at %s\n", id, address)
				if !voter {
					if isLearner(res.Members, id) {
						fmt.Fprintln(c.OutOrStdout(), hint(id, address, certificate))
					}
					return nil
				}
				if !isLearner(res.Members, id) {
					return nil
				}
				fmt.Fprintln(c.ErrOrStderr(), hint(id, address, certificate))
				return promote(ctx, c, client, id)
			})
		},
	}
	s.bind(c, catchUpTimeout)
	c.Flags().BoolVar(&voter, "voter", false, "wait until it has caught up, and give it its vote")
	c.Flags().StringVar(&certificate, "certificate-dir", "", "write its certificate there, signed by the CA of this machine's cluster")
	return c
}

// hint says how a new member is started.
func hint(id, address, dir string) string {
	if dir == "" {
		dir = "pki"
	}
	return fmt.Sprintf("start it, if it does not run yet: kaji store --id %s --dir EMPTY_DIRECTORY --listen %s --ca %s --cert %s --key %s\nthen: kaji store promote %s",
		id, address, filepath.Join(dir, "ca.crt"), filepath.Join(dir, id+".crt"), filepath.Join(dir, id+".key"), id)
}

func isLearner(members []*storev1.Member, id string) bool {
	for _, m := range members {
		if m.Id == id {
			return !m.Voter
		}
	}
	return false
}

func (o Options) promote() *cobra.Command {
	s := &connected{Options: o}
	c := &cobra.Command{
		Use:     "promote ID",
		Short:   "Give a learner its vote, once it has caught up",
		Example: `  kaji store promote store-4`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				return promote(ctx, c, client, args[0])
			})
		},
	}
	s.bind(c, catchUpTimeout)
	return c
}

// promote waits until a member has caught up, saying how far it is, and gives it its vote.
func promote(ctx context.Context, c *cobra.Command, client *raftstore.Client, id string) error {
	p := newProgress(c)
	for {
		leader, err := client.Status(ctx, &storev1.StatusRequest{})
		if err != nil {
			return err
		}
		address := ""
		for _, m := range leader.Members {
			if m.Id == id {
				address = m.Address
			}
		}
		if address == "" {
			return fmt.Errorf("there is no member %q: it has %s", id, ids(leader.Members))
		}
		st, err := client.StatusOf(ctx, address)
		switch {
		case err != nil:
			p.say("%s at %s does not answer: %s", id, address, err)
		case st.MemberId != id:
			return fmt.Errorf("%s is answered by member %q, not by %s", address, st.MemberId, id)
		case st.AppliedIndex+1024 >= leader.AppliedIndex: // The leader waits for the rest.
			if _, err := client.MemberPromote(ctx, &storev1.MemberPromoteRequest{Id: id}); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "member %s has a vote\n", id)
			return nil
		default:
			p.say("%s has applied entry %d of %d", id, st.AppliedIndex, leader.AppliedIndex)
		}
		select {
		case <-time.After(catchUpPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ids(members []*storev1.Member) string {
	var out []string
	for _, m := range members {
		out = append(out, m.Id)
	}
	return strings.Join(out, ", ")
}

func (o Options) remove() *cobra.Command {
	s := &connected{Options: o}
	c := &cobra.Command{
		Use:   "remove ID",
		Short: "Put a member out of the store",
		Long: `Put a member out of the store. It is refused when those that stay would have no majority that answers. The member's process ends by
itself, or should be ended; its directory is of no use any more, and its id is not to be used again.`,
		Example: `  kaji store remove store-3`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				res, err := client.MemberRemove(ctx, &storev1.MemberRemoveRequest{Id: args[0]})
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "member %s is out; its directory is of no use any more\n", args[0])
				voters := 0
				for _, m := range res.Members {
					if m.Voter {
						voters++
					}
				}
				if voters%2 == 0 {
					fmt.Fprintf(c.ErrOrStderr(), "• %d voters survive no more failures than %d: add one, under a new id\n", voters, voters-1)
				}
				return nil
			})
		},
	}
	s.bind(c, changeTimeout)
	return c
}

func (o Options) moveLeader() *cobra.Command {
	s := &connected{Options: o}
	c := &cobra.Command{
		Use:   "move-leader [ID]",
		Short: "Hand leadership to another voter",
		Example: `  kaji store move-leader
  kaji store move-leader store-2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			req := &storev1.MoveLeaderRequest{}
			if len(args) > 0 {
				req.Id = args[0]
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				res, err := client.MoveLeader(ctx, req)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s leads\n", res.LeaderId)
				return nil
			})
		},
	}
	s.bind(c, changeTimeout)
	return c
}
