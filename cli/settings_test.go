package cli_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
)

// admin writes a configuration with a context for an endpoint.
func admin(t *testing.T, endpoint string) (path string, files identity.Files) {
	t.Helper()
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files = identity.FilesIn(dir, "admin")
	if err := files.Ensure(ca, identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}}); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "config")
	if err := config.Write(path, "kaji", []string{endpoint}, files); err != nil {
		t.Fatal(err)
	}
	return path, files
}

func TestConfig(t *testing.T) {
	path, files := admin(t, "127.0.0.1:7443")
	s := &shell{t: t, config: path}
	same(t, s.ok("config", "current-context"), "kaji")
	same(t, s.ok("config", "set-context", "shop", "--cluster=kaji", "--user=kaji", "-n", "shop"), `Context "shop" created.`)
	same(t, s.ok("config", "get-contexts"), "CURRENT   NAME   CLUSTER   USER   NAMESPACE\n*         kaji   kaji      kaji   \n          shop   kaji      kaji   shop")
	same(t, s.ok("config", "use-context", "shop"), `Switched to context "shop".`)
	same(t, s.ok("config", "set-context", "--current", "--namespace=other"), `Context "shop" modified.`)
	if out := s.ok("config", "view"); !strings.Contains(out, "current-context: shop") || !strings.Contains(out, "namespace: other") {
		t.Error(out)
	}
	same(t, s.ok("config", "grpcurl"), strings.Join([]string{"-cacert", files.CA, "-cert", files.Cert, "-key", files.Key, "127.0.0.1:7443"}, " "))
	s.fails([]string{`no context "shpo"`, `did you mean "shop"?`}, "config", "use-context", "shpo")
	s.fails([]string{"needs --cluster and --user"}, "config", "set-context", "new")
	s.fails([]string{`no cluster "x"`}, "config", "set-context", "shop", "--cluster=x")
	same(t, s.ok("config", "delete-context", "shop"), `Context "shop" removed.`)
	s.fails([]string{"no context is current"}, "config", "grpcurl")
}

func TestConfigViewHidesSecrets(t *testing.T) {
	path, _ := admin(t, "127.0.0.1:7443")
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	f.SetUser(&config.User{Name: "guest", Token: "sesame", KeyData: "secret"})
	if err := f.Save(""); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, config: path}
	if out := s.ok("config", "view"); strings.Contains(out, "sesame") || strings.Contains(out, "secret") || !strings.Contains(out, "token: DATA+OMITTED") {
		t.Error(out)
	}
	if out := s.ok("config", "view", "--raw"); !strings.Contains(out, "token: sesame") {
		t.Error(out)
	}
}

func TestGrpcurlNamesTheServer(t *testing.T) {
	path, _ := admin(t, "127.0.0.1:7443")
	f, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Clusters[0].ServerName = "api.example.com"
	if err := f.Save(""); err != nil {
		t.Fatal(err)
	}
	if out := (&shell{t: t, config: path}).ok("config", "grpcurl"); !strings.HasSuffix(out, " -authority api.example.com 127.0.0.1:7443\n") {
		t.Error(out)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	path, _ := admin(t, address)
	(&shell{t: t, config: path}).fails([]string{"connection refused", "is the cluster up? try `kaji up`"}, "get", "pods")
	(&shell{t: t, config: filepath.Join(t.TempDir(), "none")}).fails([]string{"no client configuration yet", "`kaji up` starts a cluster"}, "get", "pods")
	(&shell{t: t, config: path}).fails([]string{`no context "x"`}, "get", "pods", "--context", "x")
}

// A server that ends while it is dialled says nothing about certificates.
func TestACutHandshakeIsNoWrongCertificate(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	defer func() {
		listener.Close()
		<-done
	}()
	path, _ := admin(t, listener.Addr().String())
	(&shell{t: t, config: path}).fails([]string{"a part of the cluster does not answer"}, "get", "pods")
}

type joiner struct {
	apiv1.UnimplementedJoinServiceServer
	ttl time.Duration
}

func (j *joiner) CreateToken(_ context.Context, r *apiv1.CreateTokenRequest) (*apiv1.CreateTokenResponse, error) {
	j.ttl = r.GetTtl().AsDuration()
	return &apiv1.CreateTokenResponse{Token: "id.secret.hash", ExpiresAt: timestamppb.New(now.Add(j.ttl))}, nil
}

func TestTokenCreate(t *testing.T) {
	j := &joiner{}
	conn := serve(t, func(s *grpc.Server) { apiv1.RegisterJoinServiceServer(s, j) })
	path, _ := admin(t, "127.0.0.1:7443")
	s := newShell(t, client.New(conn))
	s.config = path
	same(t, s.ok("token", "create", "--ttl=1h"), "id.secret.hash")
	if j.ttl != time.Hour {
		t.Error(j.ttl)
	}
	same(t, s.ok("token", "create", "--print-join-command"), "kaji node join 127.0.0.1:7443 --token id.secret.hash")
	s.fails([]string{"more than 0"}, "token", "create", "--ttl=0s")
}

func TestAPIResources(t *testing.T) {
	s := newShell(t, server(t, "").Client())
	out := s.ok("api-resources")
	if !strings.Contains(out, "deployments") || !strings.Contains(out, "apps/v1") || strings.Count(out, "\n") != len(kind.All())+1 {
		t.Error(out)
	}
	if out := s.ok("api-resources", "-o", "name"); !strings.Contains(out, "\npods\n") || !strings.Contains(out, "deployments.apps\n") {
		t.Error(out)
	}
}

func TestVersion(t *testing.T) {
	s := newShell(t, nil)
	if out := s.ok("version"); !strings.HasPrefix(out, "kaji test (go") {
		t.Error(out)
	}
	if out := s.ok("version", "-o", "json"); !strings.Contains(out, `"version": "test"`) {
		t.Error(out)
	}
}

// complete asks for completions as a shell does.
func complete(s *shell, args ...string) []string {
	lines := strings.Split(strings.TrimSpace(s.ok(append([]string{"__complete"}, args...)...)), "\n")
	return lines[:len(lines)-1] // the last is the directive
}

func TestCompletion(t *testing.T) {
	s := newShell(t, server(t, running+twoContainers).Client())
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "deplo"}, "deployments"},
		{[]string{"get", "pods", "web"}, "web-1 web-2"},
		{[]string{"get", "pod/web-"}, "pod/web-1 pod/web-2"},
		{[]string{"logs", "pa"}, "pair"},
		{[]string{"logs", "pair", "-c", "s"}, "side"},
		{[]string{"exec", "web-1", "-c", ""}, "web"},
		{[]string{"describe", "node", ""}, "n1"},
		{[]string{"scale", "dep"}, "deployments"},
	} {
		if got := strings.Join(complete(s, c.args...), " "); got != c.want {
			t.Errorf("%v: got %q, want %q", c.args, got, c.want)
		}
	}
	if out := s.ok("completion", "bash"); !strings.Contains(out, "__start_kaji") {
		t.Error("no bash completion")
	}
}
