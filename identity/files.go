package identity

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	caCertFile = "ca.crt"
	caKeyFile  = "ca.key"
)

// Files names the PEM files of one identity.
type Files struct {
	// CA is the certificate of the cluster's CA.
	CA string
	// Cert and Key are the identity's own.
	Cert, Key string
}

// FilesIn names the files of an identity in a directory: ca.crt, BASE.crt, BASE.key.
func FilesIn(dir, base string) Files {
	return Files{CA: filepath.Join(dir, caCertFile), Cert: filepath.Join(dir, base+".crt"), Key: filepath.Join(dir, base+".key")}
}

// Validate says what is missing.
func (f Files) Validate() error {
	for _, p := range []struct{ what, path string }{{"CA certificate", f.CA}, {"certificate", f.Cert}, {"key", f.Key}} {
		if p.path == "" {
			return fmt.Errorf("the path of the %s is not set", p.what)
		}
		if _, err := os.Stat(p.path); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
	}
	return nil
}

// Write stores a certificate and its key, the key first and readable by its owner only. Each file is replaced
// atomically; a reader that meets a new key beside an old certificate keeps what it had (see Reloader).
func (f Files) Write(certPEM, keyPEM []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.Key), 0o700); err != nil {
		return err
	}
	if err := writeFile(f.Key, keyPEM, 0o600); err != nil {
		return err
	}
	return writeFile(f.Cert, certPEM, 0o644)
}

// RenewAfter is the moment from which the certificate should be replaced: when a third of its life is left.
// The zero time means now: there is none, or it cannot be used.
func (f Files) RenewAfter() time.Time {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil || pair.Leaf == nil {
		return time.Time{}
	}
	life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)
	return pair.Leaf.NotAfter.Add(-life / 3)
}

// Ensure writes the CA certificate and, when there is no good one, a certificate of the CA for r.
func (f Files) Ensure(ca *CA, r Request) error {
	if err := os.MkdirAll(filepath.Dir(f.CA), 0o700); err != nil {
		return err
	}
	if err := writeFile(f.CA, ca.CertPEM(), 0o644); err != nil {
		return err
	}
	if time.Now().Before(f.RenewAfter()) && f.signedBy(ca, r) {
		return nil
	}
	certPEM, keyPEM, err := ca.Issue(r)
	if err != nil {
		return err
	}
	return f.Write(certPEM, keyPEM)
}

// signedBy reports whether the certificate on disk is the CA's and serves at every host wanted.
func (f Files) signedBy(ca *CA, r Request) bool {
	b, err := os.ReadFile(f.Cert)
	if err != nil {
		return false
	}
	c, err := ParseCertificate(b)
	if err != nil || c.CheckSignatureFrom(ca.cert) != nil || c.Subject.CommonName != r.Name {
		return false
	}
	for _, h := range r.Hosts {
		if c.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

// InitCA loads the CA in dir, or makes one there.
func InitCA(dir, cluster string) (*CA, error) {
	ca, err := LoadCA(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if ca, err = NewCA(cluster); err != nil {
		return nil, err
	}
	return ca, ca.Save(dir)
}

// writeFile replaces a file atomically and durably.
func writeFile(path string, b []byte, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
