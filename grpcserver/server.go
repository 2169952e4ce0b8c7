// Package grpcserver is the one shape of every gRPC server of Kaji: mutual TLS, the caller's identity in
// context and logs, errors turned to statuses, panics contained, metrics, bounded messages, reflection,
// health, graceful drain.
//
// It owns the listener and the life of the server. What is served is the business of who registers it.
package grpcserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// Config is what a server needs.
type Config struct {
	// Address is host:port to listen on; port 0 takes a free one.
	Address string
	// Listener, when set, is listened on in place of Address.
	Listener net.Listener
	// TLS is mandatory; see package identity. There is no insecure mode.
	TLS *tls.Config
	// MetricsAddress is host:port of the HTTPS endpoint /metrics (same certificates); empty for none.
	MetricsAddress string
	// Metrics is the registry shown there; nil makes one.
	Metrics *prometheus.Registry
	// MaxRecvBytes bounds a message received; 0 means 16 MiB.
	MaxRecvBytes int
	// MaxSendBytes bounds a message sent; 0 means no bound.
	MaxSendBytes int
	// MaxStreams bounds the concurrent calls of one connection; 0 means 100,000 (watchers share connections).
	MaxStreams uint32
	// UnaryTimeout is the deadline of unary calls that come without one; 0 means 60 s.
	UnaryTimeout time.Duration
	// DrainTimeout is how long calls under way may take after the server was told to stop; 0 means 5 s.
	DrainTimeout time.Duration
	// Unary and Stream are interceptors that run after those of this package, in order.
	Unary  []grpc.UnaryServerInterceptor
	Stream []grpc.StreamServerInterceptor
}

func (c *Config) setDefaults() {
	if c.MaxRecvBytes == 0 {
		c.MaxRecvBytes = 16 << 20
	}
	if c.MaxSendBytes == 0 {
		c.MaxSendBytes = math.MaxInt32
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 100_000
	}
	if c.UnaryTimeout == 0 {
		c.UnaryTimeout = 60 * time.Second
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 5 * time.Second
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
}

// Validate says what is missing.
func (c *Config) Validate() error {
	if c.Address == "" && c.Listener == nil {
		return errors.New("no address to listen on")
	}
	if c.TLS == nil {
		return errors.New("no TLS settings: every port is mutual TLS")
	}
	return nil
}

// Server is a gRPC server that listens already.
type Server struct {
	cfg      Config
	log      hclog.Logger
	listener net.Listener
	metrics  net.Listener
	grpc     *grpc.Server
	health   *health.Server
}

// New listens and makes the server; what it serves is registered with Registrar before Serve.
func New(cfg Config, log hclog.Logger, opts ...grpc.ServerOption) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	s := &Server{cfg: cfg, log: log, listener: cfg.Listener, health: health.NewServer()}
	var err error
	if s.listener == nil {
		if s.listener, err = net.Listen("tcp", cfg.Address); err != nil {
			return nil, err
		}
	}
	if cfg.MetricsAddress != "" {
		if s.metrics, err = net.Listen("tcp", cfg.MetricsAddress); err != nil {
			s.listener.Close()
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	calls := newCallMetrics(cfg.Metrics)
	chain := &chain{log: log, calls: calls, timeout: cfg.UnaryTimeout}
	all := []grpc.ServerOption{
		grpc.Creds(credentials.NewTLS(cfg.TLS)),
		grpc.MaxRecvMsgSize(cfg.MaxRecvBytes),
		grpc.MaxSendMsgSize(cfg.MaxSendBytes),
		grpc.MaxConcurrentStreams(cfg.MaxStreams),
		// Dead peers are found out; peers may ping often enough to find out a dead server themselves.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(append([]grpc.UnaryServerInterceptor{chain.unary}, cfg.Unary...)...),
		grpc.ChainStreamInterceptor(append([]grpc.StreamServerInterceptor{chain.stream}, cfg.Stream...)...),
	}
	s.grpc = grpc.NewServer(append(all, opts...)...)
	healthv1.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	return s, nil
}

// Registrar is where services are registered.
func (s *Server) Registrar() *grpc.Server { return s.grpc }

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// MetricsAddr is where /metrics is served; nil when it is not.
func (s *Server) MetricsAddr() net.Addr {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.Addr()
}

// Metrics is the registry shown at /metrics.
func (s *Server) Metrics() *prometheus.Registry { return s.cfg.Metrics }

// SetServing tells health checks whether a service is well; the empty name is the whole server.
func (s *Server) SetServing(service string, ok bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if ok {
		status = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus(service, status)
}

// Serve serves until ctx ends, then lets calls under way finish for DrainTimeout and cuts off the rest.
// It returns nil after an end by ctx.
func (s *Server) Serve(ctx context.Context) error {
	s.log.Info("serving", "address", s.Addr().String())
	failed := make(chan error, 2)
	go func() { failed <- s.grpc.Serve(s.listener) }()
	web := &http.Server{Handler: metricsHandler(s.cfg.Metrics), TLSConfig: s.metricsTLS(), ReadHeaderTimeout: 10 * time.Second}
	if s.metrics != nil {
		go func() {
			if err := web.ServeTLS(s.metrics, "", ""); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("metrics: %w", err)
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	web.Close()
	s.drain()
	return err
}

// metricsTLS demands a certificate even where the calls do not: metrics are for nobody who proved no identity.
func (s *Server) metricsTLS() *tls.Config {
	c := s.cfg.TLS.Clone()
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c
}

func (s *Server) drain() {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(s.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.grpc.Stop()
		<-done
	}
}
