package join_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/identity/join"
)

// server signs requests with its CA, as an API server does.
type server struct {
	apiv1.UnimplementedJoinServiceServer
	ca *identity.CA
	// as is the name that certificates are made for, when not the one asked for.
	as string
}

func (s *server) Join(_ context.Context, r *apiv1.JoinRequest) (*apiv1.JoinResponse, error) {
	if r.GetToken() != "id.secret" {
		return nil, apierror.ToStatus(apierror.Unauthenticated("the token is wrong or has expired"))
	}
	name := identity.NodeName(r.GetNodeName())
	cert, err := s.ca.SignCSR(r.GetCsr(), identity.Request{Name: name, Groups: []string{identity.GroupNodes}})
	if s.as != "" {
		cert, _, err = s.ca.Issue(identity.Request{Name: s.as})
	}
	return &apiv1.JoinResponse{CertificatePem: cert, CaPem: s.ca.CertPEM(), Endpoints: []string{"a:1", "b:2"}}, err
}

// start serves with a certificate of the CA and returns the address.
func start(t *testing.T, s *server) string {
	t.Helper()
	files := identity.FilesIn(t.TempDir(), "server")
	if err := files.Ensure(s.ca, identity.Request{Name: identity.APIServer, Hosts: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	reloader, err := identity.NewReloader(files)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(reloader.ServerForJoin())))
	apiv1.RegisterJoinServiceServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		<-done
	})
	return listener.Addr().String()
}

func newCA(t *testing.T) *identity.CA {
	t.Helper()
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestJoin(t *testing.T) {
	ca := newCA(t)
	address := start(t, &server{ca: ca})
	files := identity.FilesIn(filepath.Join(t.TempDir(), "deep"), "node")
	r, err := join.Join(t.Context(), join.Options{Token: "id.secret." + ca.Hash(), Endpoint: address, NodeName: "n1", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(r.Endpoints, " ") != "a:1 b:2" {
		t.Error(r.Endpoints)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if name, ok := identity.FromCertificate(pair.Leaf).Node(); !ok || name != "n1" {
		t.Error(pair.Leaf.Subject)
	}
	if info, err := os.Stat(files.Key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode: %v, %v", info.Mode(), err)
	}
	if _, err := identity.ClientTLS(files, ""); err != nil {
		t.Error(err)
	}
}

// A machine that starts again needs neither a token that is still good nor an API server that answers.
func TestJoinKeepsWhatIsGood(t *testing.T) {
	ca := newCA(t)
	files := identity.FilesIn(t.TempDir(), "node")
	o := join.Options{Token: "id.secret." + ca.Hash(), Endpoint: start(t, &server{ca: ca}), NodeName: "n1", Files: files}
	if _, err := join.Join(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	again := o
	again.Token = "id.expired." + ca.Hash()
	if _, err := join.Join(t.Context(), again); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(files.Cert); string(b) != string(first) {
		t.Error("a good certificate was replaced")
	}
	renamed := o
	renamed.NodeName = "n2"
	if _, err := join.Join(t.Context(), renamed); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile(files.Cert); string(b) == string(first) {
		t.Error("a certificate for another node was kept")
	}
}

func TestJoinRefuses(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	address := start(t, &server{ca: ca})
	wrong := start(t, &server{ca: ca, as: identity.Admin})
	for name, c := range map[string]struct {
		options join.Options
		want    string
	}{
		"another cluster's CA": {join.Options{Token: "id.secret." + other.Hash(), Endpoint: address, NodeName: "n1"}, "not the one in the token"},
		"a wrong token":        {join.Options{Token: "id.guess." + ca.Hash(), Endpoint: address, NodeName: "n1"}, "wrong or has expired"},
		"half a token":         {join.Options{Token: "id.secret", Endpoint: address, NodeName: "n1"}, "id.secret.ca-hash"},
		"a cut token":          {join.Options{Token: "id.secret." + ca.Hash()[:40], Endpoint: address, NodeName: "n1"}, "copied whole"},
		"no name":              {join.Options{Token: "id.secret." + ca.Hash(), Endpoint: address}, "needs a name"},
		"no port":              {join.Options{Token: "id.secret." + ca.Hash(), Endpoint: "host", NodeName: "n1"}, "not host:port"},
		"an answer for others": {join.Options{Token: "id.secret." + ca.Hash(), Endpoint: wrong, NodeName: "n1"}, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Files = identity.FilesIn(t.TempDir(), "node")
			if _, err := join.Join(t.Context(), c.options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if _, err := os.Stat(c.options.Files.Key); err == nil {
				t.Error("a key was written")
			}
		})
	}
}
