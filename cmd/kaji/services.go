package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"kaji.dev/kaji/cli/reference"
	"kaji.dev/kaji/deploy/cluster"
	"kaji.dev/kaji/deploy/supervise"
	"kaji.dev/kaji/identity"
)

const serviceGroup = reference.Services

// addServices adds the services as commands. They are what `kaji up` runs, and what an operator's own
// process manager runs on machines of their own.
func addServices(root *cobra.Command, version string) {
	root.AddGroup(&cobra.Group{ID: serviceGroup, Title: "Services:"})
	for _, c := range []*cobra.Command{
		storeCommand(), apiserverCommand(), controllersCommand(), schedulerCommand(), registryCommand(),
		allCommand(), superviseCommand(),
	} {
		c.GroupID = serviceGroup
		c.SilenceUsage = true
		root.AddCommand(c)
	}
	runsAgent(root, version)
}

// serviceFlags are what every service is told.
type serviceFlags struct {
	listen, metrics string
	files           identity.Files
	logLevel        string
	logJSON         bool
}

func (f *serviceFlags) bind(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.listen, "listen", "", "host:port to serve on")
	fl.StringVar(&f.metrics, "metrics-listen", "", "host:port of the HTTPS endpoint /metrics; none when empty")
	fl.StringVar(&f.files.CA, "ca", "", "file of the cluster's CA certificate")
	fl.StringVar(&f.files.Cert, "cert", "", "file of this service's certificate")
	fl.StringVar(&f.files.Key, "key", "", "file of this service's key")
	f.bindLog(c)
}

func (f *serviceFlags) bindLog(c *cobra.Command) {
	c.Flags().StringVar(&f.logLevel, "log-level", "info", "trace, debug, info, warn or error")
	c.Flags().BoolVar(&f.logJSON, "log-json", false, "log JSON lines")
}

func (f *serviceFlags) logger(name string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Level: hclog.LevelFromString(f.logLevel), JSONFormat: f.logJSON, Output: os.Stderr})
}

// tls reads the certificate files for the service to serve with, and to be a client with.
func (f *serviceFlags) tls() (*identity.Reloader, error) {
	if err := f.files.Validate(); err != nil {
		return nil, err
	}
	return identity.NewReloader(f.files)
}

// allCommand runs every service of a cluster directory in this process. Each one gets the very flags it would get
// in a process of its own.
func allCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "all --dir DIR",
		Short: "Run all services of a cluster directory in this process",
		Example: `  kaji init --dir /var/lib/kaji
  kaji all --dir /var/lib/kaji`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := cluster.Load(dir)
			if err != nil {
				return err
			}
			return runTogether(c.Context(), cfg.Services())
		},
	}
	c.Flags().StringVar(&dir, "dir", cluster.DefaultDir, "cluster directory")
	return c
}

// runTogether runs services until ctx ends or one of them fails. They stop one after the other, the last one
// first, since each needs those before it to say goodbye.
func runTogether(ctx context.Context, services []cluster.Service) error {
	g, gctx := errgroup.WithContext(ctx)
	stops := make([]context.CancelFunc, len(services))
	done := make([]chan struct{}, len(services))
	for i, s := range services {
		sctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		stops[i], done[i] = stop, make(chan struct{})
		g.Go(func() error {
			defer close(done[i])
			root := newRoot()
			root.SetArgs(s.Args)
			if err := root.ExecuteContext(sctx); err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			if sctx.Err() == nil {
				return fmt.Errorf("%s ended by itself", s.Name)
			}
			return nil
		})
	}
	<-gctx.Done()
	for i := len(services) - 1; i >= 0; i-- {
		stops[i]()
		<-done[i]
	}
	return g.Wait()
}

// superviseCommand keeps the processes of a cluster directory running.
func superviseCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "supervise --dir DIR",
		Short:   "Keep the processes of a cluster directory running",
		Long:    `Keep the processes of a cluster directory running: those that end are started again. ` + "`kaji up`" + ` starts it.`,
		Example: `  kaji supervise --dir /var/lib/kaji`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := cluster.Load(dir)
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			f := serviceFlags{logLevel: cfg.LogLevel}
			s := &supervise.Supervisor{RunDir: cfg.RunDir(), LogDir: cfg.LogDir(), Log: f.logger("supervisor")}
			ctx, cancel := context.WithCancel(c.Context())
			var renewing sync.WaitGroup
			renewing.Go(func() { cfg.KeepCertificates(ctx, s.Log.Named("certificates")) })
			err = s.Run(ctx, cfg.Processes(self))
			cancel()
			renewing.Wait()
			if errors.Is(err, supervise.ErrRunning) {
				return nil
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", cluster.DefaultDir, "cluster directory")
	return c
}
