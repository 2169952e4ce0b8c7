package main

import (
	"github.com/spf13/cobra"

	"kaji.dev/kaji/services/scheduler"
)

func schedulerCommand() *cobra.Command {
	var f serviceFlags
	var cfg scheduler.Config
	c := &cobra.Command{
		Use:   "scheduler",
		Short: "Run a scheduler",
		Example: `  kaji scheduler --listen 10.0.0.1:7462 --apiserver 10.0.0.1:7443 \
    --ca pki/ca.crt --cert pki/scheduler.crt --key pki/scheduler.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			tls, err := f.tls()
			if err != nil {
				return err
			}
			cfg.Address, cfg.MetricsAddress, cfg.TLS, cfg.ClientTLS = f.listen, f.metrics, tls.Server(), tls.Client("")
			return scheduler.Run(c.Context(), cfg, f.logger("scheduler"))
		},
	}
	f.bind(c)
	fl := c.Flags()
	fl.StringSliceVar(&cfg.Endpoints, "apiserver", nil, "API servers, as HOST:PORT")
	fl.StringVar(&cfg.Advertise, "advertise", "", "host:port where API servers reach it; --listen when empty")
	fl.StringVar(&cfg.SchedulerName, "scheduler-name", "default-scheduler", "spec.schedulerName of the pods it schedules")
	fl.IntVar(&cfg.PercentageOfNodesToScore, "percentage-of-nodes-to-score", 0, "end the search for nodes once so many percent fit; 0 goes by the size of the cluster")
	return c
}
