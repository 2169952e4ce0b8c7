package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

func (o Options) restore() *cobra.Command {
	s := &connected{Options: o}
	var yes bool
	var cfg raftstore.Config
	var members []string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a copy in the place of what the store holds, or begin a new store with it",
		Long: `Put a copy in the place of what the store holds: on all members, while they run. What was written since the copy is lost. The revision moves
on, so API servers, controllers and nodes read the world afresh; pods that the copy does not know are stopped.

With --data-dir the copy becomes the data directory of a member of a new store. Do it for each of its members, with the same file and the same
--initial-members, before any is started; or for one, and add the others to it.`,
		Example: `  kaji store snapshot restore backup.snapshot
  kaji store snapshot restore backup.snapshot --data-dir /var/lib/kaji/store --id store-1 \
    --initial-members store-1=10.0.0.1:7450`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := verify(c, args[0])
			if err != nil {
				return advise(err, 0)
			}
			if cfg.DataDir != "" {
				return newStore(c, d, cfg, members)
			}
			if cfg.ID != "" || len(members) > 0 {
				return errors.New("--id and --initial-members are for a new store, with --data-dir")
			}
			return s.ask(c, func(ctx context.Context, client *raftstore.Client, _ Connection) error {
				return replace(ctx, c, client, d, yes)
			})
		},
	}
	s.bind(c, copyTimeout)
	fl := c.Flags()
	fl.BoolVar(&yes, "yes", false, "do not ask")
	fl.StringVar(&cfg.DataDir, "data-dir", "", "make this directory, which must be empty, that of a member of a new store")
	fl.StringVar(&cfg.ID, "id", "", "name of that member")
	fl.StringSliceVar(&members, "initial-members", nil, "members the new store begins with, as ID=HOST:PORT, the same for all of them")
	return c
}

// replace puts a copy in the place of what a running store holds.
func replace(ctx context.Context, c *cobra.Command, client *raftstore.Client, d *description, yes bool) error {
	st, err := client.Status(ctx, &storev1.StatusRequest{})
	if err != nil {
		return err
	}
	err = confirm(c, yes, "The store (%s) holds %d keys at revision %d. All of it is replaced by %s: %d keys of revision %d.\nWhat was written since is lost.",
		ids(st.Members), st.Keys, st.Revision, d.File, d.Keys, d.Revision)
	if err != nil {
		return err
	}
	file, err := os.Open(d.File)
	if err != nil {
		return err
	}
	defer file.Close()
	rev, err := client.Restore(ctx, countedReader{file, &counter{progress: newProgress(c), verb: "sent"}})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "the store holds %s: %d keys, and goes on from revision %d\n", d.File, d.Keys, rev)
	return nil
}

// newStore makes the data directory of a member of a new store.
func newStore(c *cobra.Command, d *description, cfg raftstore.Config, members []string) error {
	if cfg.ID == "" {
		return errors.New("--id: name the member whose directory this is")
	}
	var err error
	if cfg.Members, err = ParseMembers(members); err != nil {
		return err
	}
	if len(cfg.Members) == 0 {
		return errors.New("--initial-members: name the members of the new store, this one among them")
	}
	file, err := os.Open(d.File)
	if err != nil {
		return err
	}
	defer file.Close()
	log := hclog.New(&hclog.LoggerOptions{Name: cfg.ID, Level: hclog.Warn, Output: c.ErrOrStderr()})
	rev, err := raftstore.NewFromCopy(cfg, file, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is the directory of member %s: %d keys, and a store that goes on from revision %d\n", cfg.DataDir, cfg.ID, d.Keys, rev)
	if len(cfg.Members) > 1 {
		fmt.Fprintf(c.ErrOrStderr(), "• the same for the others, with the same file and --initial-members, before any is started\n")
	}
	return nil
}

// ParseMembers reads members as --initial-members has them.
func ParseMembers(list []string) ([]raftstore.Peer, error) {
	var out []raftstore.Peer
	for _, m := range list {
		id, address, ok := strings.Cut(m, "=")
		if !ok || id == "" || address == "" {
			return nil, fmt.Errorf("--initial-members: %q is not ID=HOST:PORT", m)
		}
		out = append(out, raftstore.Peer{ID: id, Address: address})
	}
	return out, nil
}
