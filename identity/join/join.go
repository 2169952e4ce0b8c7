// Package join brings a machine into a cluster with nothing but a token: it makes a key, lets the API server
// sign a certificate for it, and writes both to disk.
//
// It owns the client's side of JoinService.Join. It trusts only the CA whose hash the token holds; a key never
// leaves the machine. It starts no agent. Calls for different directories may run concurrently.
package join

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
)

// Options says who joins what.
type Options struct {
	// Token is id.secret.ca-hash, as `kaji token create` prints it.
	Token string
	// Endpoint is the address of an API server, host:port.
	Endpoint string
	// NodeName is the name that the node will have.
	NodeName string
	// Files are where the CA's certificate, the node's and its key are written.
	Files identity.Files
	// Dial replaces grpc.NewClient, for tests.
	Dial func(endpoint string, settings *tls.Config) (grpc.ClientConnInterface, error)
}

// Result is what came back.
type Result struct {
	// Endpoints are the addresses of all API servers; none when the certificate was there already.
	Endpoints []string
}

// ParseToken splits a token into what the server gets (id.secret) and the hash of the CA's public key.
func ParseToken(token string) (secret, caHash string, err error) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return "", "", errors.New("a join token is of the form id.secret.ca-hash; `kaji token create` makes one")
	}
	if b, err := hex.DecodeString(parts[2]); err != nil || len(b) != 32 || strings.ToLower(parts[2]) != parts[2] {
		return "", "", errors.New("the token's last part is not a SHA-256 in lower-case hex; was it copied whole?")
	}
	return parts[0] + "." + parts[1], parts[2], nil
}

func (o *Options) validate() error {
	var errs []error
	if o.NodeName == "" {
		errs = append(errs, errors.New("the node needs a name"))
	}
	if _, _, err := net.SplitHostPort(o.Endpoint); err != nil {
		errs = append(errs, fmt.Errorf("endpoint %q is not host:port", o.Endpoint))
	}
	if o.Files.CA == "" || o.Files.Cert == "" || o.Files.Key == "" {
		errs = append(errs, errors.New("it is not said where to write the certificates"))
	}
	return errors.Join(errs...)
}

// Join asks for the node's certificate and writes it. A good one that is there already, for this node and of the CA
// in the token, is kept and nobody is asked. What is on disk is replaced only when all has come back and fits together.
func Join(ctx context.Context, o Options) (*Result, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	secret, caHash, err := ParseToken(o.Token)
	if err != nil {
		return nil, err
	}
	if joined(o, caHash) {
		return &Result{}, nil
	}
	host, _, _ := net.SplitHostPort(o.Endpoint)
	dial := o.Dial
	if dial == nil {
		dial = dialTLS
	}
	conn, err := dial(o.Endpoint, identity.PinnedTLS(caHash, host))
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(*grpc.ClientConn); ok {
		defer c.Close()
	}
	csr, keyPEM, err := identity.NewCSR(identity.Request{Name: identity.NodeName(o.NodeName), Groups: []string{identity.GroupNodes}})
	if err != nil {
		return nil, err
	}
	answer, err := apiv1.NewJoinServiceClient(conn).Join(ctx, &apiv1.JoinRequest{Token: secret, NodeName: o.NodeName, Csr: csr})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	if err := check(answer, caHash, o.NodeName, keyPEM); err != nil {
		return nil, fmt.Errorf("the API server's answer cannot be used: %w", err)
	}
	if err := write(o.Files, answer, keyPEM); err != nil {
		return nil, err
	}
	return &Result{Endpoints: answer.GetEndpoints()}, nil
}

// joined reports whether the certificate on disk does for this node and cluster.
func joined(o Options, caHash string) bool {
	caPEM, err := os.ReadFile(o.Files.CA)
	if err != nil {
		return false
	}
	certPEM, err := os.ReadFile(o.Files.Cert)
	if err != nil {
		return false
	}
	keyPEM, err := os.ReadFile(o.Files.Key)
	if err != nil {
		return false
	}
	have := &apiv1.JoinResponse{CaPem: caPEM, CertificatePem: certPEM}
	return check(have, caHash, o.NodeName, keyPEM) == nil && time.Now().Before(o.Files.RenewAfter())
}

func dialTLS(endpoint string, settings *tls.Config) (grpc.ClientConnInterface, error) {
	return grpc.NewClient("passthrough:///"+endpoint, grpc.WithTransportCredentials(credentials.NewTLS(settings)), grpc.WithNoProxy())
}

// check makes sure that the certificate is for this node and this key, and that the CA is the pinned one.
func check(a *apiv1.JoinResponse, caHash, node string, keyPEM []byte) error {
	ca, err := identity.ParseCertificate(a.GetCaPem())
	if err != nil {
		return fmt.Errorf("CA: %w", err)
	}
	if identity.PublicKeyHash(ca) != caHash {
		return errors.New("the CA is not the one in the token")
	}
	pair, err := tls.X509KeyPair(a.GetCertificatePem(), keyPEM)
	if err != nil {
		return err
	}
	leaf := pair.Leaf
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		return err
	}
	if name, ok := identity.FromCertificate(leaf).Node(); !ok || name != node {
		return fmt.Errorf("the certificate is for %q", leaf.Subject.CommonName)
	}
	return nil
}

func write(f identity.Files, a *apiv1.JoinResponse, keyPEM []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.CA), 0o700); err != nil {
		return err
	}
	if have, err := os.ReadFile(f.CA); err != nil || !bytes.Equal(have, a.GetCaPem()) {
		if err := os.WriteFile(f.CA, a.GetCaPem(), 0o644); err != nil {
			return err
		}
	}
	return f.Write(a.GetCertificatePem(), keyPEM)
}
