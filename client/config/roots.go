package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"time"
)

// withRoots adds the CAs of a file to TLS settings, and gives a function that makes the same settings with what the file holds by
// then. A file that cannot be read, or is being written, leaves the CAs that were read last.
func withRoots(settings *tls.Config, path string) (first *tls.Config, renew func() (*tls.Config, error), err error) {
	r := &roots{path: path}
	if err := r.read(); err != nil {
		return nil, nil, err
	}
	first = settings.Clone()
	first.RootCAs = r.pool
	return first, func() (*tls.Config, error) {
		now := settings.Clone()
		now.RootCAs = r.current()
		return now, nil
	}, nil
}

// roots are the CAs in a file.
type roots struct {
	path string

	mu    sync.Mutex
	pool  *x509.CertPool
	stamp time.Time
}

func (r *roots) current() *x509.CertPool {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Once for each connection, of which there are few.
	if info, err := os.Stat(r.path); err == nil && !info.ModTime().Equal(r.stamp) {
		_ = r.read()
	}
	return r.pool
}

func (r *roots) read() error {
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(r.path)
	if err != nil {
		return err
	}
	p, err := pool(b, r.path)
	if err != nil {
		return err
	}
	r.pool, r.stamp = p, info.ModTime()
	return nil
}

func pool(pem []byte, from string) (*x509.CertPool, error) {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", from)
	}
	return p, nil
}
