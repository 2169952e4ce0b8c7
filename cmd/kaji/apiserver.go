package main

import (
	"errors"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/flowcontrol"
)

func apiserverCommand() *cobra.Command {
	var f serviceFlags
	var cfg apiserver.Config
	var stores []string
	var shares map[string]int
	c := &cobra.Command{
		Use:   "apiserver",
		Short: "Run an API server",
		Example: `  kaji apiserver --listen 10.0.0.1:7443 --store 10.0.0.1:7450,10.0.0.2:7450,10.0.0.3:7450 \
    --ca pki/ca.crt --cert pki/apiserver.crt --key pki/apiserver.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			tls, err := f.tls()
			if err != nil {
				return err
			}
			if len(stores) == 0 {
				return errors.New("--store: name the members of the store")
			}
			store, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: stores, TLS: tls.Client("")})
			if err != nil {
				return err
			}
			defer store.Close()
			cfg.Address, cfg.MetricsAddress, cfg.TLS, cfg.Store = f.listen, f.metrics, f.files, store
			if len(cfg.Endpoints) == 0 {
				cfg.Endpoints = []string{f.listen}
			}
			if cfg.FlowControl.Levels, err = flowcontrol.WithShares(flowcontrol.DefaultLevels(), shares); err != nil {
				return err
			}
			return apiserver.Run(c.Context(), cfg, f.logger("apiserver"))
		},
	}
	f.bind(c)
	fl := c.Flags()
	fl.StringSliceVar(&stores, "store", nil, "members of the store, as HOST:PORT")
	fl.StringVar(&cfg.CADir, "ca-dir", "", "directory with ca.crt and ca.key, for nodes to join; without it this server signs nothing")
	fl.StringSliceVar(&cfg.Endpoints, "advertise", nil, "addresses of API servers that joining nodes are told, as HOST:PORT; --listen when empty")
	flow := &cfg.FlowControl
	fl.BoolVar(&flow.Disabled, "no-flow-control", false, "let every call in at once, however many there are")
	fl.IntVar(&flow.Seats, "max-calls", 0, "calls carried out at once, a long list counting for several; 0 for 64 and 32 more per processor")
	fl.StringToIntVar(&shares, "level-shares", nil, "shares of the seats by priority level, as LEVEL=N,…; a level that is not named keeps its own")
	fl.DurationVar(&flow.MaxWait, "max-queue-wait", 0, "how long a call may wait for its turn before it is turned away; 0 for 15s")
	fl.IntVar(&flow.StreamsPerIdentity, "max-streams-per-identity", 0, "logs, execs, attaches and port forwards that one identity may have open; 0 for 200")
	fl.IntVar(&flow.Streams, "max-streams", 0, "logs, execs, attaches and port forwards open at once in all; 0 for 4000")
	return c
}
