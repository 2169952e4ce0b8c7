package main

import (
	"errors"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
)

func apiserverCommand() *cobra.Command {
	var f serviceFlags
	var cfg apiserver.Config
	var stores []string
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
			return apiserver.Run(c.Context(), cfg, f.logger("apiserver"))
		},
	}
	f.bind(c)
	fl := c.Flags()
	fl.StringSliceVar(&stores, "store", nil, "members of the store, as HOST:PORT")
	fl.StringVar(&cfg.CADir, "ca-dir", "", "directory with ca.crt and ca.key, for nodes to join; without it this server signs nothing")
	fl.StringSliceVar(&cfg.Endpoints, "advertise", nil, "addresses of API servers that joining nodes are told, as HOST:PORT; --listen when empty")
	return c
}
