package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// unixPrefix begins endpoints that are sockets in the file system.
const unixPrefix = "unix:"

// Config says where the API is and who is asking.
type Config struct {
	// Endpoints are the API servers, "host:port" or "unix:/path". Calls go round them; one that does not answer is
	// left out until it does.
	Endpoints []string
	// TLS holds the caller's certificate and the CA. Required: there is no insecure mode. Without a ServerName, each
	// server's certificate must name the host of its endpoint.
	TLS *tls.Config
	// RenewTLS, when set, is asked for the TLS settings of each new connection, for CAs that change. TLS is then what the first
	// ones begin with; server names are taken from there.
	RenewTLS func() (*tls.Config, error)
	// Token, when set, gives the bearer token that is sent with each call; see TokenFile. It is asked for each call and must be
	// quick. Kaji's API server does not accept tokens yet: callers are who their client certificate says.
	Token func() (string, error)
	// UserAgent names the program in the server's logs.
	UserAgent string
	// MaxRecvBytes bounds one answer; 64 MiB when 0.
	MaxRecvBytes int
	// MaxSendBytes bounds one request; 8 MiB when 0.
	MaxSendBytes int
	// MaxAttempts is how often a call that may be repeated is tried in all; 5 when 0.
	MaxAttempts int
	// Dialer replaces the network, for tests.
	Dialer func(ctx context.Context, address string) (net.Conn, error)
}

// Validate reports what is missing or contradictory.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Endpoints) == 0 {
		errs = append(errs, errors.New("client: no endpoint given"))
	}
	for _, e := range c.Endpoints {
		if e == "" {
			errs = append(errs, errors.New("client: an endpoint is empty"))
			continue
		}
		if strings.HasPrefix(e, unixPrefix) {
			if c.TLS != nil && c.TLS.ServerName == "" {
				errs = append(errs, fmt.Errorf("client: endpoint %q needs a TLS server name: a path names no host", e))
			}
		} else if _, _, err := net.SplitHostPort(e); err != nil {
			errs = append(errs, fmt.Errorf("client: endpoint %q: want host:port or unix:/path", e))
		}
	}
	if c.TLS == nil {
		errs = append(errs, errors.New("client: no TLS configuration given"))
	}
	if c.MaxAttempts < 0 || c.MaxRecvBytes < 0 || c.MaxSendBytes < 0 {
		errs = append(errs, errors.New("client: limits must not be negative"))
	}
	return errors.Join(errs...)
}

// Client is a connection to the API. It may be used concurrently.
type Client struct {
	conn  grpc.ClientConnInterface
	close func() error
}

// Dial makes a client. It does not wait for the connection: the first call does.
func Dial(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	// A resolver of its own per client: addresses are given, not looked up under a shared scheme.
	r := manual.NewBuilderWithScheme("kaji")
	state := resolver.State{}
	for _, e := range cfg.Endpoints {
		// gRPC takes the name to verify from here; it overrides that of the TLS configuration.
		address := resolver.Address{Addr: e, ServerName: cfg.TLS.ServerName}
		if address.ServerName == "" {
			address.ServerName, _, _ = net.SplitHostPort(e)
		}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{address}})
	}
	r.InitialState(state)
	dial := cfg.Dialer
	if dial == nil {
		dial = dialEndpoint
	}
	secure := credentials.NewTLS(cfg.TLS)
	if cfg.RenewTLS != nil {
		secure = newFreshTLS(cfg.TLS, cfg.RenewTLS)
	}
	options := []grpc.DialOption{
		grpc.WithResolvers(r),
		grpc.WithTransportCredentials(secure),
		grpc.WithContextDialer(dial),
		grpc.WithUserAgent(cfg.UserAgent),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{
			// A server that restarts is to be found again within seconds, not minutes.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.3, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(or(cfg.MaxRecvBytes, 64<<20)),
			grpc.MaxCallSendMsgSize(or(cfg.MaxSendBytes, 8<<20)),
		),
		grpc.WithUnaryInterceptor(retry{attempts: or(cfg.MaxAttempts, 5), base: 100 * time.Millisecond, most: 2 * time.Second}.intercept),
	}
	if cfg.Token != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer{cfg.Token}))
	}
	conn, err := grpc.NewClient("kaji:///api", options...)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Client{conn: warning{conn}, close: conn.Close}, nil
}

// New makes a client over an existing connection, which stays the caller's to close.
func New(conn grpc.ClientConnInterface) *Client {
	return &Client{conn: warning{conn}, close: func() error { return nil }}
}

// Conn is the connection, for generated clients (pod bindings, logs, exec, scale). Their errors are gRPC statuses:
// pass them through apierror.FromStatus.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// Close ends the connection and every call on it.
func (c *Client) Close() error { return c.close() }

func dialEndpoint(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return d.DialContext(ctx, "unix", strings.TrimPrefix(path, "//"))
	}
	return d.DialContext(ctx, "tcp", address)
}

func or(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
