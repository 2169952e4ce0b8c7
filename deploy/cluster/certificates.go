package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/identity"
)

// certificateLook is how often certificates are looked at: they are renewed months before they expire.
const certificateLook = time.Hour

// ensureCertificates makes what is missing of the certificates, and those anew whose life is mostly over. Services take
// new ones over from disk.
func (c *Config) ensureCertificates(ca *identity.CA, of []certificate) error {
	var errs []error
	for _, i := range of {
		if err := c.Files(i.file).Ensure(ca, i.request); err != nil {
			errs = append(errs, fmt.Errorf("certificate of %s: %w", i.request.Name, err))
		}
	}
	return errors.Join(errs...)
}

// RenewCertificates renews those of the components and the administrator when it is time. Nodes see to their own.
func (c *Config) RenewCertificates() error {
	ca, err := identity.LoadCA(c.PKIDir())
	if err != nil {
		return err
	}
	var components []certificate
	for _, i := range c.identities() {
		if !strings.HasPrefix(i.request.Name, identity.NodeName("")) {
			components = append(components, i)
		}
	}
	return c.ensureCertificates(ca, components)
}

// KeepCertificates does RenewCertificates from time to time until ctx ends.
func (c *Config) KeepCertificates(ctx context.Context, log hclog.Logger) {
	tick := time.NewTicker(certificateLook)
	defer tick.Stop()
	for {
		if err := c.RenewCertificates(); err != nil {
			log.Error("cannot renew certificates", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
