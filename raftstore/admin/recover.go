package admin

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/raftstore"
)

// knock is how long recover waits for other members that should be gone.
const knock = 2 * time.Second

func (o Options) recover() *cobra.Command {
	var dir, id, address string
	var yes, force bool
	c := &cobra.Command{
		Use:   "recover --data-dir DIR",
		Short: "Make one member's directory the whole store, when the majority is lost for good",
		Long: `Make one member's directory the whole store, when the disks of the majority are lost for good. The member must not run.
What the others had acknowledged and this one had not got is lost. The others must never be started again on what they had: a store cannot be joined
together from halves. The revision moves on, so that API servers and all others read the world afresh.

While the others still have their disks, start them instead: they need nothing else.`,
		Example: `  kaji store check --data-dir /var/lib/kaji/store/store-1
  kaji store recover --data-dir /var/lib/kaji/store/store-1 --id store-1`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if dir == "" {
				return errors.New("--data-dir: name the directory of the member that is left")
			}
			found, err := raftstore.Inspect(dir)
			if err != nil {
				return err
			}
			if !found.Usable {
				var damage []string
				for _, d := range found.Damage() {
					damage = append(damage, d.Error())
				}
				return cli.Advise(fmt.Errorf("the directory is damaged: %s", strings.Join(damage, "; ")),
					"take another member's directory; with none left, begin a new store with a backup: `kaji store snapshot restore FILE --data-dir …`")
			}
			if id, err = whose(found, dir, id); err != nil {
				return err
			}
			var others []raftstore.Peer
			for _, p := range found.Members {
				if p.ID != id {
					others = append(others, p)
				} else if address == "" {
					address = p.Address
				}
			}
			if there := answering(others); len(there) > 0 && !force {
				return cli.Advise(fmt.Errorf("something answers at %s", names(there)),
					"a store whose members run needs no recovering; stop those that lost their disks, or say --force if it is not they who answer")
			}
			err = confirm(c, yes, "%s becomes the only member of its store. These must never be started again: %s.\nWhat they had acknowledged and %s has not got is lost.",
				id, names(others), id)
			if err != nil {
				return err
			}
			log := hclog.New(&hclog.LoggerOptions{Name: id, Level: hclog.Warn, Output: c.ErrOrStderr()})
			if err := raftstore.Recover(raftstore.Config{ID: id, DataDir: dir, AdvertiseAddress: address}, log); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is the only member of its store, at %s: start it, and add members under new ids\n", id, address)
			return nil
		},
	}
	fl := c.Flags()
	fl.StringVar(&dir, "data-dir", "", "directory of the member that is left")
	fl.StringVar(&id, "id", "", "name of the member; that of the directory when it is a member's")
	fl.StringVar(&address, "address", "", "host:port where it is reached from now on; as before when not given")
	fl.BoolVar(&yes, "yes", false, "do not ask")
	fl.BoolVar(&force, "force", false, "go on although something answers where the others were")
	return c
}

// whose finds out which member a directory belongs to.
func whose(found *raftstore.Directory, dir, id string) (string, error) {
	known := func(id string) bool {
		return slices.ContainsFunc(found.Members, func(p raftstore.Peer) bool { return p.ID == id })
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	switch base := filepath.Base(abs); {
	case len(found.Members) == 0:
		return "", fmt.Errorf("%s knows of no members: nothing was ever written to it", dir)
	case id != "" && !known(id):
		return "", fmt.Errorf("%s is of a store with the members %s, and %s is none of them", dir, names(found.Members), id)
	case id != "":
		return id, nil
	case known(base):
		return base, nil
	}
	return "", fmt.Errorf("--id: say which of %s this directory is", names(found.Members))
}

// answering finds those at whose addresses somebody listens.
func answering(members []raftstore.Peer) []raftstore.Peer {
	type result struct {
		peer  raftstore.Peer
		there bool
	}
	results := make(chan result, len(members))
	for _, p := range members {
		go func() {
			conn, err := net.DialTimeout("tcp", p.Address, knock)
			if err == nil {
				conn.Close()
			}
			results <- result{p, err == nil}
		}()
	}
	var out []raftstore.Peer
	for range members {
		if r := <-results; r.there {
			out = append(out, r.peer)
		}
	}
	return out
}

func names(members []raftstore.Peer) string {
	if len(members) == 0 {
		return "none"
	}
	var out []string
	for _, p := range members {
		out = append(out, p.ID+" at "+p.Address)
	}
	return strings.Join(out, ", ")
}
