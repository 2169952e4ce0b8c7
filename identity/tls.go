package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// recheck bounds how often the files are looked at for a newer certificate.
const recheck = 10 * time.Second

// Reloader holds an identity's certificate and takes over a newer one from disk, so that certificates
// rotate without a restart. It may be used concurrently.
type Reloader struct {
	files Files
	roots *x509.CertPool
	caPEM []byte

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   time.Time
	checked time.Time
}

// NewReloader reads the files for the first time.
func NewReloader(f Files) (*Reloader, error) {
	caPEM, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, err
	}
	r := &Reloader{files: f, roots: x509.NewCertPool(), caPEM: caPEM}
	if !r.roots.AppendCertsFromPEM(caPEM) {
		return nil, fmt.Errorf("%s holds no certificate", f.CA)
	}
	if err := r.load(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reloader) load() error {
	info, err := os.Stat(r.files.Cert)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(r.files.Cert, r.files.Key)
	if err != nil {
		return err
	}
	// The CA goes along in the handshake, for nodes that know only its hash (see PinnedTLS).
	if ca, err := ParseCertificate(r.caPEM); err == nil {
		pair.Certificate = append(pair.Certificate, ca.Raw)
	}
	r.cert, r.stamp, r.checked = &pair, info.ModTime(), time.Now()
	return nil
}

func (r *Reloader) current() *tls.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checked) > recheck {
		r.checked = time.Now()
		if info, err := os.Stat(r.files.Cert); err == nil && !info.ModTime().Equal(r.stamp) {
			// A pair that does not fit yet is being written; the old one serves until the next look.
			_ = r.load()
		}
	}
	return r.cert
}

// Server returns TLS settings for a server that demands a client certificate of the cluster's CA.
func (r *Reloader) Server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs:  r.roots,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return r.current(), nil
		},
	}
}

// ServerForJoin is Server, but lets clients without a certificate in, as anonymous: only the service that
// gives out certificates may serve them.
func (r *Reloader) ServerForJoin() *tls.Config {
	c := r.Server()
	c.ClientAuth = tls.VerifyClientCertIfGiven
	return c
}

// Client returns TLS settings for a client. serverName is what the server's certificate must be for; empty
// takes it from the address.
func (r *Reloader) Client(serverName string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    r.roots,
		ServerName: serverName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return r.current(), nil
		},
	}
}

// ClientTLS reads the files and returns client settings.
func ClientTLS(f Files, serverName string) (*tls.Config, error) {
	r, err := NewReloader(f)
	if err != nil {
		return nil, err
	}
	return r.Client(serverName), nil
}

// ServerTLS reads the files and returns server settings.
func ServerTLS(f Files) (*tls.Config, error) {
	r, err := NewReloader(f)
	if err != nil {
		return nil, err
	}
	return r.Server(), nil
}

// PinnedTLS returns settings for a client without a certificate that trusts whatever chain ends in the CA
// whose public key has this hash: how a node that only has a token makes its first connection. Beside the
// hash it verifies that the server's certificate is good for serverName.
func PinnedTLS(caHash, serverName string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: serverName,
		// The chain is verified below, against the pinned CA in place of a pool of roots.
		InsecureSkipVerify: true, //nolint:gosec // see VerifyConnection
		VerifyConnection: func(s tls.ConnectionState) error {
			return verifyPinned(s.PeerCertificates, caHash, serverName)
		},
	}
}

func verifyPinned(chain []*x509.Certificate, caHash, serverName string) error {
	if len(chain) == 0 {
		return fmt.Errorf("the server sent no certificate")
	}
	roots := x509.NewCertPool()
	pinned := false
	for _, c := range chain[1:] {
		if c.IsCA && PublicKeyHash(c) == caHash {
			roots.AddCert(c)
			pinned = true
		}
	}
	if !pinned {
		return fmt.Errorf("the server's CA is not the one in the token (wanted public key %s)", caHash)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: serverName, Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}
