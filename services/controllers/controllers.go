// Package controllers runs all controllers as one service: whichever process holds the Lease kaji-system/kaji-controllers
// runs them, the others wait.
//
// It owns the wiring and nothing else; each controller is a package of its own. Every term of leadership begins with
// caches read anew, so that nothing a former leader did is missed.
package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/leader"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/services/controllers/deployment"
	"kaji.dev/kaji/services/controllers/disruption"
	"kaji.dev/kaji/services/controllers/garbagecollector"
	"kaji.dev/kaji/services/controllers/namespace"
	"kaji.dev/kaji/services/controllers/nodelifecycle"
	"kaji.dev/kaji/services/controllers/podgc"
	"kaji.dev/kaji/services/controllers/replicaset"
	"kaji.dev/kaji/services/controllers/runtime"
	"kaji.dev/kaji/services/controllers/serviceaccount"
)

// The Lease that the processes contend for.
const (
	LeaseNamespace = "kaji-system"
	LeaseName      = "kaji-controllers"
)

// Config is what the controllers need.
type Config struct {
	// Address is host:port of health and reflection; port 0 takes a free one. Required unless Listener is set.
	Address string
	// Listener, when set, is served on in place of Address.
	Listener net.Listener
	// MetricsAddress is host:port of the HTTPS endpoint /metrics; empty for none.
	MetricsAddress string
	// TLS is for serving, ClientTLS for calling the API server; both required.
	TLS, ClientTLS *tls.Config
	// Endpoints are the API servers, host:port. Required.
	Endpoints []string
	// Identity is this process among those that contend for leadership; see leader.Identity for the default.
	Identity string
	// NodeGrace is how long a node may be silent before it is NotReady; nodelifecycle.DefaultGrace when 0.
	NodeGrace time.Duration
	// EndedPods is how many ended pods are kept; podgc.DefaultThreshold when 0.
	EndedPods int
	// LeaseDuration, RenewDeadline and RetryPeriod of the leader election; see package client/leader for the defaults.
	LeaseDuration, RenewDeadline, RetryPeriod time.Duration
}

// Validate says what is missing, all of it at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Address == "" && c.Listener == nil {
		errs = append(errs, errors.New("no address to listen on"))
	}
	if c.TLS == nil || c.ClientTLS == nil {
		errs = append(errs, errors.New("no TLS settings: every port is mutual TLS"))
	}
	if len(c.Endpoints) == 0 {
		errs = append(errs, errors.New("no API servers"))
	}
	if c.NodeGrace < 0 || c.EndedPods < 0 {
		errs = append(errs, errors.New("NodeGrace and EndedPods are not negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("controllers: %w", err)
	}
	return nil
}

// Run runs the controllers until ctx ends, whenever this process leads. It returns nil when ctx ended it.
func Run(ctx context.Context, cfg Config, log hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	c, err := client.Dial(client.Config{Endpoints: cfg.Endpoints, TLS: cfg.ClientTLS, UserAgent: "kaji-controllers"})
	if err != nil {
		return err
	}
	defer c.Close()
	server, err := grpcserver.New(grpcserver.Config{
		Address: cfg.Address, Listener: cfg.Listener, TLS: cfg.TLS, MetricsAddress: cfg.MetricsAddress,
	}, log)
	if err != nil {
		return err
	}
	metrics, err := runtime.NewMetrics(server.Metrics())
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if cfg.Identity == "" {
		if cfg.Identity, err = leader.Identity(server.Addr().String()); err != nil {
			return err
		}
	}
	server.SetServing("", true)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx) })
	g.Go(func() error { return contend(ctx, c, cfg, host, metrics, log) })
	return g.Wait()
}

// contend leads whenever it can. Losing the Lease ends one term, not the process.
func contend(ctx context.Context, c *client.Client, cfg Config, host string, metrics *runtime.Metrics, log hclog.Logger) error {
	for ctx.Err() == nil {
		elector, err := leader.New(c, leader.Config{
			Namespace: LeaseNamespace, Name: LeaseName, Identity: cfg.Identity,
			LeaseDuration: cfg.LeaseDuration, RenewDeadline: cfg.RenewDeadline, RetryPeriod: cfg.RetryPeriod,
		}, log)
		if err != nil {
			return err
		}
		err = elector.Run(ctx, func(ctx context.Context) error {
			metrics.Leading(true)
			defer metrics.Leading(false)
			scope := runtime.NewScope(c, host, metrics, log)
			addAll(scope, cfg)
			return scope.Run(ctx)
		})
		if err != nil && !errors.Is(err, leader.ErrLost) {
			return err
		}
	}
	return nil
}

func addAll(s *runtime.Scope, cfg Config) {
	replicaset.Add(s)
	deployment.Add(s)
	garbagecollector.Add(s)
	namespace.Add(s)
	serviceaccount.Add(s)
	nodelifecycle.Add(s, nodelifecycle.Config{Grace: cfg.NodeGrace})
	podgc.Add(s, cfg.EndedPods)
	disruption.Add(s)
}
