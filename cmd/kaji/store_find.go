package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/deploy/cluster"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore/admin"
)

// findStore finds the store that an operator means: by the flags, else that of the cluster directory they name, else that of
// the context, else that of the cluster in the usual directory. Who asks is an administrator: whoever may read the store may read every Secret in
// it, so that no lesser identity would be one.
func findStore(c *cobra.Command, w admin.Where) (admin.Connection, error) {
	var found admin.Connection
	var own admin.Connection
	var err error
	if says := len(w.Endpoints) > 0 && (w.TLSDir != "" || w.Files != (identity.Files{})); !says && w.Dir == "" {
		if own, err = contextStore(c); err != nil {
			return found, err
		}
	}
	local, err := localCluster(w.Dir)
	if err != nil {
		return found, err
	}
	switch {
	case len(w.Endpoints) > 0:
		found.Endpoints = w.Endpoints
	case w.Dir != "":
		found.Endpoints = local.StoreAddresses()
	case len(own.Endpoints) > 0:
		found.Endpoints = own.Endpoints
	case local != nil:
		found.Endpoints = local.StoreAddresses()
	default:
		return found, cli.Advise(errors.New("where is the store? Neither flags nor your configuration say"),
			"--endpoints HOST:PORT with --tls-dir, or --cluster-dir DIR on a machine of a cluster that `kaji up` made")
	}
	files := w.Files
	switch {
	case files != (identity.Files{}):
	case w.TLSDir != "":
		files = identity.FilesIn(w.TLSDir, "admin")
	case w.Dir != "":
		files = local.Files("admin")
	case own.TLS != nil:
		found.TLS = own.TLS
		return found, nil
	case local != nil:
		files = local.Files("admin")
	default:
		return found, cli.Advise(errors.New("who are you to the store? Neither flags nor your configuration say"),
			"--tls-dir with ca.crt, admin.crt and admin.key, or --ca, --cert and --key")
	}
	if err := files.Validate(); err != nil {
		return found, err
	}
	found.TLS, err = identity.ClientTLS(files, "")
	return found, err
}

// contextStore is the store of the context of the user's configuration, as far as there is one.
func contextStore(c *cobra.Command) (admin.Connection, error) {
	var found admin.Connection
	f, err := config.LoadOrNew(c.Flag("config").Value.String())
	if err != nil {
		return found, err
	}
	name := c.Flag("context").Value.String()
	if name == "" && f.CurrentContext == "" {
		return found, nil
	}
	settings, _, err := f.ClientConfig(name)
	if err != nil {
		return found, err
	}
	if found.Endpoints, err = f.StoreEndpoints(name); err != nil {
		return found, err
	}
	if settings.TLS != nil && hasCertificate(settings.TLS) {
		found.TLS = settings.TLS.Clone()
		found.TLS.ServerName = "" // That of the API server; members are checked by the host they are asked at.
	}
	return found, nil
}

func hasCertificate(t *tls.Config) bool {
	return len(t.Certificates) > 0 || t.GetClientCertificate != nil
}

// localCluster is the cluster of a directory, or that of the usual one when none is named; nil when there is none there.
func localCluster(dir string) (*cluster.Config, error) {
	cfg, err := cluster.Load(orDefault(dir))
	if errors.Is(err, fs.ErrNotExist) {
		if dir != "" {
			return nil, fmt.Errorf("there is no cluster in %s", dir)
		}
		return nil, nil
	}
	return cfg, err
}

func orDefault(dir string) string {
	if dir == "" {
		return cluster.DefaultDir
	}
	return dir
}

// issueMember writes the certificate of a new member, signed by the CA in --tls-dir or that of the cluster directory.
func issueMember(_ *cobra.Command, w admin.Where, id, host, dir string) (identity.Files, error) {
	pki := w.TLSDir
	if pki == "" {
		cfg, err := cluster.Load(orDefault(w.Dir))
		if err != nil {
			return identity.Files{}, fmt.Errorf("the key of the cluster's CA is in its pki directory, which --cluster-dir or --tls-dir name: %w", err)
		}
		pki = cfg.PKIDir()
	}
	ca, err := identity.LoadCA(pki)
	if err != nil {
		return identity.Files{}, err
	}
	files := identity.FilesIn(dir, id)
	return files, files.Ensure(ca, identity.Request{
		Name: identity.StoreName(id), Groups: []string{identity.GroupStores}, Hosts: []string{host, id, "kaji-store"},
	})
}
