package scheduler

import (
	"context"
	"errors"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/leader"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/grpcserver"
)

// The lease that schedulers contend for. Its annotation kaji.dev/address tells the API server where Explain is answered.
const (
	LeaseNamespace = "kaji-system"
	LeaseName      = "kaji-scheduler"
)

// Run schedules until ctx ends, whenever this process leads, and answers Explain meanwhile. It returns nil when ctx ended it.
func Run(ctx context.Context, cfg Config, log hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	c, err := client.Dial(client.Config{Endpoints: cfg.Endpoints, TLS: cfg.ClientTLS, UserAgent: "kaji-scheduler"})
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := newScheduler(c, cfg, log)
	if err != nil {
		return err
	}
	server, err := grpcserver.New(grpcserver.Config{
		Address: cfg.Address, Listener: cfg.Listener, TLS: cfg.TLS, MetricsAddress: cfg.MetricsAddress,
	}, log)
	if err != nil {
		return err
	}
	s.metrics.register(server.Metrics(), s)
	schedulerv1.RegisterSchedulerServiceServer(server.Registrar(), &explainServer{scheduler: s})
	server.SetServing("", true)
	address := cfg.Advertise
	if address == "" {
		address = server.Addr().String()
	}
	if cfg.Identity == "" {
		if cfg.Identity, err = leader.Identity(server.Addr().String()); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx) })
	g.Go(func() error { return s.follow(ctx) })
	g.Go(func() error { return s.events.Run(ctx) })
	g.Go(func() error { return s.contend(ctx, c, cfg, address) })
	return g.Wait()
}

// contend leads whenever it can. Losing the lease ends one term, not the process.
func (s *Scheduler) contend(ctx context.Context, c *client.Client, cfg Config, address string) error {
	if err := s.waitSynced(ctx); err != nil {
		return nil // ctx ended
	}
	for ctx.Err() == nil {
		elector, err := leader.New(c, leader.Config{
			Namespace: LeaseNamespace, Name: LeaseName, Identity: cfg.Identity, Address: address,
			LeaseDuration: cfg.LeaseDuration, RenewDeadline: cfg.RenewDeadline, RetryPeriod: cfg.RetryPeriod,
		}, s.log)
		if err != nil {
			return err
		}
		if err := elector.Run(ctx, s.lead); err != nil && !errors.Is(err, leader.ErrLost) {
			return err
		}
	}
	return nil
}
