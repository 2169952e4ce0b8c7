package grpcserver_test

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
)

type fixture struct {
	server *grpcserver.Server
	client *tls.Config
	stop   func()
}

func start(t *testing.T, unary grpc.UnaryServerInterceptor) *fixture {
	t.Helper()
	return startWith(t, func(c *grpcserver.Config) {
		if unary != nil {
			c.Unary = append(c.Unary, unary)
		}
	})
}

func startWith(t *testing.T, change func(*grpcserver.Config)) *fixture {
	t.Helper()
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(r identity.Request) identity.Files {
		f := identity.FilesIn(t.TempDir(), "x")
		if err := f.Ensure(ca, r); err != nil {
			t.Fatal(err)
		}
		return f
	}
	st, err := identity.ServerTLS(issue(identity.Request{Name: "srv", Hosts: []string{"127.0.0.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	ct, err := identity.ClientTLS(issue(identity.Request{Name: "alice", Groups: []string{"crew"}}), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cfg := grpcserver.Config{Address: "127.0.0.1:0", TLS: st, MetricsAddress: "127.0.0.1:0"}
	change(&cfg)
	s, err := grpcserver.New(cfg, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	f := &fixture{server: s, client: ct}
	f.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	return f
}

func (f *fixture) check(t *testing.T) error {
	t.Helper()
	conn, err := grpc.NewClient(f.server.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(f.client)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	return err
}

func TestIdentityDeadlineAndErrorsReachTheCaller(t *testing.T) {
	var who identity.Identity
	var deadline bool
	mode := "ok"
	f := start(t, func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		who, _ = identity.FromContext(ctx)
		_, deadline = ctx.Deadline()
		switch mode {
		case "error":
			return nil, apierror.Forbidden("no entry")
		case "panic":
			panic("ouch")
		}
		return next(ctx, req)
	})
	defer f.stop()
	if err := f.check(t); err != nil {
		t.Fatal(err)
	}
	if who.Name != "alice" || !who.InGroup("crew") || !deadline {
		t.Errorf("identity %v, deadline %v", who, deadline)
	}
	mode = "error"
	if err := f.check(t); !apierror.IsForbidden(apierror.FromStatus(err)) {
		t.Errorf("got %v", err)
	}
	mode = "panic"
	if err := f.check(t); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "ouch") {
		t.Errorf("got %v", err)
	}
}

func TestClientsWithoutCertificateAreTurnedAway(t *testing.T) {
	f := start(t, nil)
	defer f.stop()
	f.client = &tls.Config{RootCAs: f.client.RootCAs, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
	if err := f.check(t); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestMetricsNeedACertificateToo(t *testing.T) {
	// As the API server, whose calls are open to nodes that have no certificate yet.
	f := startWith(t, func(c *grpcserver.Config) { c.TLS.ClientAuth = tls.VerifyClientCertIfGiven })
	defer f.stop()
	if err := f.check(t); err != nil {
		t.Fatal(err)
	}
	url := "https://" + f.server.MetricsAddr().String() + "/metrics"
	get := func(c *tls.Config) (string, error) {
		resp, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: c}}).Get(url)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	body, err := get(f.client)
	if err != nil || !strings.Contains(body, `kaji_grpc_calls_total{code="OK",method="/grpc.health.v1.Health/Check"} 1`) {
		t.Errorf("err %v, body:\n%s", err, body)
	}
	if _, err := get(&tls.Config{RootCAs: f.client.RootCAs, ServerName: "127.0.0.1"}); err == nil {
		t.Error("metrics were given to a client without a certificate")
	}
}

func TestProfilesAreForAdministrators(t *testing.T) {
	for groups, want := range map[string]int{"crew": http.StatusForbidden, identity.GroupMasters: http.StatusOK} {
		ca, err := identity.NewCA("test")
		if err != nil {
			t.Fatal(err)
		}
		files := identity.FilesIn(t.TempDir(), "x")
		if err := files.Ensure(ca, identity.Request{Name: "x", Groups: []string{groups}, Hosts: []string{"127.0.0.1"}}); err != nil {
			t.Fatal(err)
		}
		server, err := identity.ServerTLS(files)
		if err != nil {
			t.Fatal(err)
		}
		asked, err := identity.ClientTLS(files, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		f := startWith(t, func(c *grpcserver.Config) { c.TLS = server })
		transport := &http.Transport{TLSClientConfig: asked}
		resp, err := (&http.Client{Transport: transport}).Get("https://" + f.server.MetricsAddr().String() + "/debug/pprof/heap")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		transport.CloseIdleConnections()
		if resp.StatusCode != want {
			t.Errorf("a member of %s is answered %d, want %d", groups, resp.StatusCode, want)
		}
		f.stop()
	}
}

func TestNoServerWithoutTLS(t *testing.T) {
	if _, err := grpcserver.New(grpcserver.Config{Address: "127.0.0.1:0"}, hclog.NewNullLogger()); err == nil {
		t.Error("a server without TLS was made")
	}
}
