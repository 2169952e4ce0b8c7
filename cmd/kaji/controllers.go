package main

import (
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/services/controllers"
)

func controllersCommand() *cobra.Command {
	var f serviceFlags
	var cfg controllers.Config
	c := &cobra.Command{
		Use:   "controllers",
		Short: "Run the controllers",
		Example: `  kaji controllers --listen 10.0.0.1:7461 --apiserver 10.0.0.1:7443 \
    --ca pki/ca.crt --cert pki/controllers.crt --key pki/controllers.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			tls, err := f.tls()
			if err != nil {
				return err
			}
			cfg.Address, cfg.MetricsAddress, cfg.TLS, cfg.ClientTLS = f.listen, f.metrics, tls.Server(), tls.Client("")
			return controllers.Run(c.Context(), cfg, f.logger("controllers"))
		},
	}
	f.bind(c)
	fl := c.Flags()
	fl.StringSliceVar(&cfg.Endpoints, "apiserver", nil, "API servers, as HOST:PORT")
	fl.DurationVar(&cfg.NodeGrace, "node-grace", 40*time.Second, "how long a node may be silent before it is NotReady")
	fl.IntVar(&cfg.EndedPods, "ended-pods", 0, "how many ended pods are kept; 0 means 12500")
	return c
}
