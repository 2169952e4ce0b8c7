package identity_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/identity"
)

func newCA(t *testing.T) (*identity.CA, string) {
	t.Helper()
	dir := t.TempDir()
	ca, err := identity.InitCA(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func files(t *testing.T, ca *identity.CA, r identity.Request) identity.Files {
	t.Helper()
	f := identity.FilesIn(t.TempDir(), "x")
	if err := f.Ensure(ca, r); err != nil {
		t.Fatal(err)
	}
	return f
}

// handshake connects a client to a server over a pipe and returns the server's view and both errors.
func handshake(client, server *tls.Config) (tls.ConnectionState, error, error) {
	a, b := net.Pipe()
	defer a.Close()
	s := tls.Server(b, server)
	done := make(chan error, 1)
	go func() {
		err := s.Handshake()
		if err == nil {
			_, err = io.WriteString(s, "x")
		}
		b.Close()
		done <- err
	}()
	c := tls.Client(a, client)
	_, clientErr := io.ReadFull(c, make([]byte, 1))
	a.Close()
	serverErr := <-done
	return s.ConnectionState(), clientErr, serverErr
}

func TestMutualTLSTellsWhoCalls(t *testing.T) {
	ca, _ := newCA(t)
	server, err := identity.ServerTLS(files(t, ca, identity.Request{Name: identity.APIServer, Hosts: []string{"kaji-apiserver", "127.0.0.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	node := files(t, ca, identity.Request{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}})
	client, err := identity.ClientTLS(node, "kaji-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	state, ce, se := handshake(client, server)
	if ce != nil || se != nil {
		t.Fatalf("client %v, server %v", ce, se)
	}
	who := identity.FromCertificate(state.PeerCertificates[0])
	if n, ok := who.Node(); !ok || n != "n1" {
		t.Errorf("identity %+v", who)
	}

	other, _ := newCA(t)
	stranger, err := identity.ClientTLS(files(t, other, identity.Request{Name: "x"}), "kaji-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	if _, ce, se := handshake(stranger, server); ce == nil && se == nil {
		t.Error("a certificate of another CA was accepted")
	}
	wrong, _ := identity.ClientTLS(node, "elsewhere")
	if _, ce, _ := handshake(wrong, server); ce == nil {
		t.Error("a server certificate for another name was accepted")
	}
}

func TestPinnedTLS(t *testing.T) {
	ca, _ := newCA(t)
	r, err := identity.NewReloader(files(t, ca, identity.Request{Name: identity.APIServer, Hosts: []string{"kaji-apiserver"}}))
	if err != nil {
		t.Fatal(err)
	}
	if _, ce, se := handshake(identity.PinnedTLS(ca.Hash(), "kaji-apiserver"), r.ServerForJoin()); ce != nil || se != nil {
		t.Fatalf("client %v, server %v", ce, se)
	}
	other, _ := newCA(t)
	if _, ce, _ := handshake(identity.PinnedTLS(other.Hash(), "kaji-apiserver"), r.ServerForJoin()); ce == nil || !strings.Contains(ce.Error(), "not the one in the token") {
		t.Errorf("another CA's hash: %v", ce)
	}
	if _, ce, _ := handshake(identity.PinnedTLS(ca.Hash(), "elsewhere"), r.ServerForJoin()); ce == nil {
		t.Error("a certificate for another name was accepted")
	}
}

func TestSignCSRKeepsTheSubject(t *testing.T) {
	ca, _ := newCA(t)
	csr, _, err := identity.NewCSR(identity.Request{Name: identity.NodeName("n1"), Groups: []string{identity.GroupMasters}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.SignCSR(csr, identity.Request{Name: identity.NodeName("n2")}); err == nil {
		t.Error("signed for another node")
	}
	b, err := ca.SignCSR(csr, identity.Request{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := identity.ParseCertificate(b)
	if err != nil {
		t.Fatal(err)
	}
	if who := identity.FromCertificate(c); who.InGroup(identity.GroupMasters) {
		t.Error("the request chose its own groups")
	}
	if _, err := ca.SignCSR([]byte("rubbish"), identity.Request{Name: "x"}); err == nil {
		t.Error("signed rubbish")
	}
}

func TestEnsureKeepsGoodCertificatesAndReplacesBadOnes(t *testing.T) {
	ca, dir := newCA(t)
	f := identity.FilesIn(t.TempDir(), "x")
	r := identity.Request{Name: "x", Hosts: []string{"localhost"}}
	read := func() string { b, _ := os.ReadFile(f.Cert); return string(b) }
	if err := f.Ensure(ca, r); err != nil {
		t.Fatal(err)
	}
	first := read()
	if err := f.Ensure(ca, r); err != nil || read() != first {
		t.Errorf("a good certificate was replaced (%v)", err)
	}
	r.Hosts = append(r.Hosts, "192.0.2.7")
	if err := f.Ensure(ca, r); err != nil || read() == first {
		t.Errorf("a certificate without the new host was kept (%v)", err)
	}
	again, err := identity.InitCA(dir, "test")
	if err != nil || again.Hash() != ca.Hash() {
		t.Errorf("InitCA made a second CA (%v)", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "ca.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: %v %v", info.Mode(), err)
	}
}
