package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/raftstore/admin"
)

func storeCommand() *cobra.Command {
	var f serviceFlags
	var cfg raftstore.Config
	var initial []string
	c := &cobra.Command{
		Use:   "store",
		Short: "Run a member of the replicated store, or look after the store",
		Long: `Run a member of the replicated store. The commands below are for looking after the store: with a cluster of "kaji up" they need no
flags, as they find it through your configuration; otherwise --endpoints and --tls-dir say which store, and as whom. They ask as an administrator, a
certificate of the group system:masters.`,
		Example: `  kaji store --id store-1 --dir /var/lib/kaji/store --listen 10.0.0.1:7450 \
    --initial-members store-1=10.0.0.1:7450,store-2=10.0.0.2:7450,store-3=10.0.0.3:7450 \
    --ca pki/ca.crt --cert pki/store-1.crt --key pki/store-1.key
  kaji store status`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			tls, err := f.tls()
			if err != nil {
				return err
			}
			cfg.Address, cfg.MetricsAddress = f.listen, f.metrics
			cfg.ServerTLS, cfg.ClientTLS = tls.Server(), tls.Client("")
			if cfg.Members, err = admin.ParseMembers(initial); err != nil {
				return err
			}
			ctx, stop := context.WithCancel(c.Context())
			bounded := make(chan struct{})
			go func() {
				defer close(bounded)
				boundGarbage(ctx)
			}()
			err = raftstore.Run(ctx, cfg, f.logger(cfg.ID))
			stop()
			<-bounded
			return err
		},
	}
	f.bind(c)
	fl := c.Flags()
	fl.StringVar(&cfg.ID, "id", "", "name of this member, for the life of its data")
	fl.StringVar(&cfg.DataDir, "dir", "", "directory of this member's data")
	fl.StringVar(&cfg.AdvertiseAddress, "advertise", "", "host:port where others reach it; --listen when empty")
	fl.StringSliceVar(&initial, "initial-members", nil, "members a new store begins with, as ID=HOST:PORT, the same on all of them; none for a member that joins a store")
	fl.Int64Var(&cfg.QuotaBytes, "quota-bytes", 0, "bound of keys and values in the newest revision; 0 means 4 GiB")
	fl.Int64Var(&cfg.DiskReserveBytes, "disk-reserve-bytes", 0, "what is kept free on disk, for deletes and compaction, beside room for a snapshot; 0 means 192 MiB, -1 nothing")
	fl.DurationVar(&cfg.HistoryAge, "history", 5*time.Minute, "how long superseded values can be read and watched")
	fl.DurationVar(&cfg.HeartbeatTimeout, "heartbeat-timeout", time.Second, "silence of the leader after which another is elected; the same on all members")
	fl.Uint64Var(&cfg.SnapshotEntries, "snapshot-entries", 8192, "log entries after which a snapshot is written")
	fl.Uint64Var(&cfg.TrailingEntries, "trailing-entries", 2048, "log entries that stay after a snapshot, for members that lag")
	admin.Add(c, admin.Options{Find: findStore, Issue: issueMember})
	return c
}
