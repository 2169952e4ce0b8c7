package apiserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"k8s.io/utils/clock"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/flowcontrol"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/join"
	"kaji.dev/kaji/services/apiserver/proxy"
	"kaji.dev/kaji/services/apiserver/registry"
	"kaji.dev/kaji/services/apiserver/requests"
	"kaji.dev/kaji/services/apiserver/strategy"
	"kaji.dev/kaji/services/apiserver/view"
	"kaji.dev/kaji/services/apiserver/watchcache"
	"kaji.dev/kaji/services/apiserver/whoami"
)

// maxAnonymous bounds the calls under way of nodes that join and of health checks without a certificate. Each may hold a
// whole request in memory.
const maxAnonymous = 64

// Run serves the API until ctx ends, then lets calls under way finish.
func Run(ctx context.Context, cfg Config, log hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("api server: %w", err)
	}
	files, err := identity.NewReloader(cfg.TLS)
	if err != nil {
		return err
	}
	var ca *identity.CA
	if cfg.CADir != "" {
		if ca, err = identity.LoadCA(cfg.CADir); err != nil {
			return err
		}
	}
	cfg.Cache.Convert = strategy.NewConversions(cfg.Conversions).To
	caches := watchcache.New(cfg.Store, kind.All(), cfg.Cache, log.Named("watchcache"))
	cluster := view.Cluster{Caches: caches}
	nodes := &proxy.Nodes{TLS: files.Client, Stopping: ctx.Done()}
	defer nodes.Close()
	authorizer := authz.System{Nodes: authz.NodeAuthorizer{State: cluster}}
	api, err := registry.New(registry.Config{
		Store: cfg.Store, Caches: caches, Kinds: kind.All(),
		Authorizer:  authorizer,
		Admission:   admission.Default(cluster),
		Conversions: cfg.Conversions,
		Streams:     nodes.Handlers(),
		Stopping:    ctx.Done(),
		EventTTL:    cfg.EventTTL,
		Bookmarks:   cfg.Bookmarks,
	}, log.Named("registry"))
	if err != nil {
		return err
	}
	nodes.API = api
	scheduler := &proxy.Scheduler{API: api, TLS: files.Client}
	defer scheduler.Close()

	rules, err := requests.New()
	if err != nil {
		return err
	}
	flow, err := flowcontrol.New(cfg.FlowControl, caches.Len, clock.RealClock{})
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(cacheMetrics{caches}, flow)
	server, err := grpcserver.New(grpcserver.Config{
		Address: cfg.Address, Listener: cfg.Listener, TLS: files.ServerForJoin(),
		MetricsAddress: cfg.MetricsAddress, Metrics: metrics, DrainTimeout: cfg.DrainTimeout,
		Unary:  []grpc.UnaryServerInterceptor{authz.Unary, flow.Unary, rules.Unary},
		Stream: []grpc.StreamServerInterceptor{authz.Stream, rules.Stream, flow.Stream},
	}, log, grpc.ForceServerCodecV2(frame.Codec()), grpc.InTapHandle(authz.NewGate(maxAnonymous).Tap))
	if err != nil {
		return err
	}
	if err := api.Register(server.Registrar()); err != nil {
		return err
	}
	apiv1.RegisterJoinServiceServer(server.Registrar(), &join.Service{
		API: api, CA: ca, Endpoints: cfg.Endpoints, Log: log.Named("join"), Now: time.Now,
	})
	apiv1.RegisterAuthServiceServer(server.Registrar(), whoami.Service{Authorizer: authorizer})
	schedulerv1.RegisterSchedulerServiceServer(server.Registrar(), scheduler)
	server.SetServing("", false)

	// The caches live until the last call has ended.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { caches.Run(background) })
	running.Go(func() {
		if prepare(ctx, api, caches, log) {
			server.SetServing("", true)
			if cfg.OnReady != nil {
				cfg.OnReady(server.Addr())
			}
		}
	})
	err = server.Serve(ctx)
	cancel()
	running.Wait()
	return err
}
