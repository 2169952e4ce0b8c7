package config

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// world is a home directory, a pod's mount, and nothing in the environment.
type world struct {
	t    *testing.T
	home string
	pod  string
	ca   *identity.CA
	dir  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir(), pod: t.TempDir(), dir: t.TempDir()}
	t.Setenv("HOME", w.home)
	for _, name := range []string{Env, EnvEndpoints, EnvServerName, envHost, envPort} {
		t.Setenv(name, "")
	}
	w.renewCA()
	return w
}

func (w *world) renewCA() {
	w.t.Helper()
	ca, err := identity.NewCA("test")
	if err != nil {
		w.t.Fatal(err)
	}
	w.ca = ca
}

func (w *world) write(path, content string) string {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// account mounts a service account.
func (w *world) account(token string) {
	w.write(filepath.Join(w.pod, "token"), token+"\n")
	w.write(filepath.Join(w.pod, "ca.crt"), string(w.ca.CertPEM()))
	w.write(filepath.Join(w.pod, "namespace"), "shop")
}

// file writes a configuration of a user with a token.
func (w *world) file(path, endpoint string) string {
	w.write(filepath.Join(filepath.Dir(path), "ca.crt"), string(w.ca.CertPEM()))
	return w.write(path, "clusters: [{name: k, endpoints: ['"+endpoint+"'], certificate-authority: ca.crt}]\nusers: [{name: u, token: sesame}]\n"+
		"contexts: [{name: c, cluster: k, user: u, namespace: files}, {name: d, cluster: k, user: u}]\ncurrent-context: c\n")
}

func TestFindTakesTheFirstThatIsMeant(t *testing.T) {
	w := newWorld(t)
	find := func(wanted Wanted) (string, string) {
		t.Helper()
		c, namespace, err := Find(wanted)
		if err != nil {
			return err.Error(), ""
		}
		return c.Endpoints[0], namespace
	}
	if _, _, err := Find(Wanted{}); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), w.home) {
		t.Errorf("nothing anywhere: %v", err)
	}
	w.file(filepath.Join(w.home, ".kaji", "config"), "home:1")
	if at, namespace := find(Wanted{}); at != "home:1" || namespace != "files" {
		t.Errorf("the file at home: %s %s", at, namespace)
	}
	named := w.file(filepath.Join(w.dir, "named"), "named:1")
	t.Setenv(Env, named)
	if at, _ := find(Wanted{}); at != "named:1" {
		t.Errorf("$%s: %s", Env, at)
	}
	given := w.file(filepath.Join(w.dir, "given"), "given:1")
	if at, namespace := find(Wanted{Path: given, Context: "d", Namespace: "mine"}); at != "given:1" || namespace != "mine" {
		t.Errorf("a path that is given: %s %s", at, namespace)
	}
	if at, namespace := find(Wanted{Path: given, Context: "d"}); namespace != "default" {
		t.Errorf("a context without namespace: %s %s", at, namespace)
	}
	// What is asked for and not there is not replaced.
	for name, wanted := range map[string]Wanted{"path": {Path: filepath.Join(w.dir, "absent")}, "environment": {}} {
		t.Setenv(Env, filepath.Join(w.dir, "absent"))
		if _, _, err := Find(wanted); !errors.Is(err, ErrNone) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s that is not there: %v", name, err)
		}
	}
}

func TestFindInPod(t *testing.T) {
	w := newWorld(t)
	if _, _, err := inPod(pod{dir: w.pod}); !errors.Is(err, errNoPod) {
		t.Errorf("no account: %v", err)
	}
	w.account("sesame")
	if _, _, err := inPod(pod{dir: w.pod}); err == nil || !strings.Contains(err.Error(), EnvEndpoints) {
		t.Errorf("no address: %v", err)
	}
	t.Setenv(envHost, "fd00::1")
	t.Setenv(envPort, "443")
	p := defaultPod()
	p.dir = w.pod
	c, namespace, err := inPod(p)
	if err != nil || namespace != "shop" || c.Endpoints[0] != "[fd00::1]:443" {
		t.Fatalf("%v in %q, %v", c.Endpoints, namespace, err)
	}
	if token, err := c.Token(); token != "sesame" || err != nil {
		t.Errorf("token %q, %v", token, err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	t.Setenv(EnvEndpoints, "a:1, b:2")
	if got := defaultPod().endpoints; len(got) != 2 || got[1] != "b:2" {
		t.Errorf("endpoints %q", got)
	}
}

// listen serves an API in memory that wants a token, with a certificate of the world's CA.
func (w *world) listen(saw func(token string)) (address string, stop func()) {
	w.t.Helper()
	f := identity.FilesIn(w.t.TempDir(), "server")
	if err := f.Ensure(w.ca, identity.Request{Name: "server", Hosts: []string{"127.0.0.1"}}); err != nil {
		w.t.Fatal(err)
	}
	w.write(f.CA, string(w.ca.CertPEM()))
	reloader, err := identity.NewReloader(f)
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	api := fake.NewServer().Handler()
	s, err := grpcserver.New(grpcserver.Config{Listener: l, TLS: reloader.ServerForJoin(), DrainTimeout: time.Millisecond}, hclog.NewNullLogger(),
		grpc.UnknownServiceHandler(func(srv any, stream grpc.ServerStream) error {
			md, _ := metadata.FromIncomingContext(stream.Context())
			saw(strings.Join(md.Get("authorization"), ","))
			return api(srv, stream)
		}))
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	return l.Addr().String(), func() { cancel(); <-done }
}

// A pod's client sends its token over TLS, without a certificate, and trusts a CA that took the place of the one it began with.
func TestPodsSendTheirTokenAndFollowTheCA(t *testing.T) {
	w := newWorld(t)
	w.account("sesame")
	saw := make(chan string, 10)
	address, stop := w.listen(func(token string) { saw <- token })
	c, _, err := inPod(pod{dir: w.pod, endpoints: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	// Each CA has its server; the client is told of another address behind the same endpoint.
	to := address
	c.Dialer = func(ctx context.Context, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", to)
	}
	api, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	maps := client.Of[*corev1.ConfigMap](api)
	if _, err := maps.Get(t.Context(), "shop", "a"); !apierror.IsNotFound(err) {
		t.Fatalf("with a token: %v", err)
	}
	if got := <-saw; got != "Bearer sesame" {
		t.Errorf("the server saw %q", got)
	}
	w.renewCA()
	next, stopNext := w.listen(func(string) {})
	defer stopNext()
	w.write(filepath.Join(w.pod, "ca.crt"), string(w.ca.CertPEM()))
	if err := os.Chtimes(filepath.Join(w.pod, "ca.crt"), time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	to = next
	stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, err := maps.Get(ctx, "shop", "a")
		if apierror.IsNotFound(err) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("after the CA changed: %v", err)
		}
	}
}

// A server whose certificate is for another host is refused: the roots are renewed, not the checks.
func TestRenewedTLSStillChecksTheName(t *testing.T) {
	w := newWorld(t)
	w.account("sesame")
	address, stop := w.listen(func(string) { t.Error("a call came through") })
	defer stop()
	c, _, err := inPod(pod{dir: w.pod, endpoints: []string{address}, server: "api.example"})
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	if _, err := client.Of[*corev1.ConfigMap](api).Get(t.Context(), "shop", "a"); !apierror.IsUnavailable(err) {
		t.Errorf("got %v", err)
	}
}

func TestTokenErrors(t *testing.T) {
	w := newWorld(t)
	if _, err := client.TokenFile(filepath.Join(w.dir, "absent"))(); apierror.ReasonOf(err) != apierror.ReasonUnauthenticated {
		t.Errorf("no file: %v", err)
	}
	if _, err := client.TokenFile(w.write(filepath.Join(w.dir, "empty"), "\n"))(); apierror.ReasonOf(err) != apierror.ReasonUnauthenticated {
		t.Errorf("an empty file: %v", err)
	}
	f, err := Load(w.file(filepath.Join(w.dir, "config"), "h:1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := f.Materials(""); err == nil || !strings.Contains(err.Error(), "client-certificate") {
		t.Errorf("files of a user with a token: %v", err)
	}
}
