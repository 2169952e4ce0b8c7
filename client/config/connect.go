package config

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/identity"
)

// DefaultNamespace is used when neither the user nor the context says another.
const DefaultNamespace = "default"

// ClientConfig makes the settings for a connection: to the context of that name, or to the current one when
// name is empty. With them comes the context's namespace.
func (f *File) ClientConfig(name string) (client.Config, string, error) {
	c, cluster, user, err := f.resolve(name)
	if err != nil {
		return client.Config{}, "", err
	}
	settings, err := f.settings(cluster, user)
	if err != nil {
		return client.Config{}, "", fmt.Errorf("context %q of %s: %w", c.Name, f.path, err)
	}
	settings.Endpoints, settings.UserAgent = cluster.Endpoints, "kaji"
	return settings, c.namespace(), nil
}

// settings are TLS and token of a connection.
func (f *File) settings(cluster *Cluster, user *User) (out client.Config, err error) {
	files := cluster.CAData == "" && user.CertData == "" && user.KeyData == ""
	switch {
	case !files:
		out.TLS, err = f.inline(cluster, user)
	case user.Cert == "":
		out.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ServerName: cluster.ServerName}
	default:
		// Files are read again when they change: certificates rotate under long watches.
		out.TLS, err = identity.ClientTLS(f.files(cluster, user), cluster.ServerName)
	}
	if err == nil && files {
		out.TLS, out.RenewTLS, err = withRoots(out.TLS, f.absolute(cluster.CA))
	}
	switch {
	case user.TokenFile != "":
		out.Token = client.TokenFile(f.absolute(user.TokenFile))
	case user.Token != "":
		out.Token = client.Token(user.Token)
	}
	return out, err
}

func (c *Context) namespace() string {
	if c.Namespace == "" {
		return DefaultNamespace
	}
	return c.Namespace
}

// resolve finds a context and what it points at, and checks that nothing is missing.
func (f *File) resolve(name string) (*Context, *Cluster, *User, error) {
	c, err := f.Context(name)
	if err != nil {
		return nil, nil, nil, err
	}
	cluster, err := f.cluster(c.Cluster)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("context %q: %w", c.Name, err)
	}
	user, err := f.user(c.User)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("context %q: %w", c.Name, err)
	}
	var errs []error
	if len(cluster.Endpoints) == 0 {
		errs = append(errs, fmt.Errorf("cluster %q has no endpoints", cluster.Name))
	}
	certificate, key := user.Cert+user.CertData != "", user.Key+user.KeyData != ""
	token := user.Token+user.TokenFile != ""
	if cluster.CA == "" && cluster.CAData == "" {
		errs = append(errs, fmt.Errorf("cluster %s has no certificate-authority", cluster.Name))
	}
	if !certificate && (key || !token) {
		errs = append(errs, fmt.Errorf("user %s has no client-certificate", user.Name))
	}
	if !key && (certificate || !token) {
		errs = append(errs, fmt.Errorf("user %s has no client-key", user.Name))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return c, cluster, user, nil
}

func (f *File) files(c *Cluster, u *User) identity.Files {
	return identity.Files{CA: f.absolute(c.CA), Cert: f.absolute(u.Cert), Key: f.absolute(u.Key)}
}

// absolute makes a path of the file independent of the working directory.
func (f *File) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

// pem returns inline data, or the content of the file.
func (f *File) pem(what, data, file string) ([]byte, error) {
	if data == "" {
		return os.ReadFile(f.absolute(file))
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("%s-data is not base64: %w", what, err)
	}
	return b, nil
}

func (f *File) inline(c *Cluster, u *User) (*tls.Config, error) {
	ca, err := f.pem("certificate-authority", c.CAData, c.CA)
	if err != nil {
		return nil, err
	}
	roots, err := pool(ca, "certificate-authority-data")
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: c.ServerName}
	if u.Cert+u.CertData == "" {
		return settings, nil
	}
	cert, err := f.pem("client-certificate", u.CertData, u.Cert)
	if err != nil {
		return nil, err
	}
	key, err := f.pem("client-key", u.KeyData, u.Key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	settings.Certificates = []tls.Certificate{pair}
	return settings, nil
}

// Materials names the files and the address of a context, for programs that take files only. Inline data is
// written to files beside the configuration, readable by their owner only.
func (f *File) Materials(name string) (files identity.Files, endpoints []string, serverName string, err error) {
	c, cluster, user, err := f.resolve(name)
	if err != nil {
		return files, nil, "", err
	}
	if user.Cert+user.CertData == "" {
		return files, nil, "", fmt.Errorf("user %s of %s has a token but no client-certificate, which this needs", user.Name, f.path)
	}
	files = f.files(cluster, user)
	dir := filepath.Join(filepath.Dir(f.path), "pki")
	for _, one := range []struct {
		what, data, suffix string
		file               *string
	}{
		{"certificate-authority", cluster.CAData, "ca.crt", &files.CA},
		{"client-certificate", user.CertData, "client.crt", &files.Cert},
		{"client-key", user.KeyData, "client.key", &files.Key},
	} {
		if one.data == "" {
			continue
		}
		b, err := f.pem(one.what, one.data, "")
		if err != nil {
			return files, nil, "", err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return files, nil, "", err
		}
		*one.file = filepath.Join(dir, filepath.Base(c.Name)+"-"+one.suffix)
		if err := replaceFile(*one.file, b); err != nil {
			return files, nil, "", err
		}
	}
	return files, cluster.Endpoints, cluster.ServerName, nil
}

// Write enters a cluster and a user under one name into the file at path (DefaultPath when empty), with a
// context that joins them, and makes that context current. The rest of the file stays. A namespace that the
// user has set in the context stays too.
func Write(path, name string, endpoints []string, files identity.Files) error {
	return WriteCluster(path, &Cluster{Name: name, Endpoints: endpoints}, files)
}

// WriteCluster is Write for a cluster of which more is known. The context has the cluster's name, and its CA is that of the files.
func WriteCluster(path string, cluster *Cluster, files identity.Files) error {
	f, err := LoadOrNew(path)
	if err != nil {
		return err
	}
	absolute := func(p string) string {
		if a, err := filepath.Abs(p); err == nil {
			return a
		}
		return p
	}
	name := cluster.Name
	cluster.CA = absolute(files.CA)
	f.SetCluster(cluster)
	f.SetUser(&User{Name: name, Cert: absolute(files.Cert), Key: absolute(files.Key)})
	context := &Context{Name: name, Cluster: name, User: name}
	if old, err := f.Context(name); err == nil {
		context.Namespace = old.Namespace
	}
	f.SetContext(context)
	f.CurrentContext = name
	return f.Save("")
}

// StoreEndpoints are the members of the store that a context's cluster names, the current context's when name is empty.
func (f *File) StoreEndpoints(name string) ([]string, error) {
	_, cluster, _, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	return cluster.Store, nil
}

// Remove takes a cluster, its user and its context out of the file at path. A file that does not exist has
// none.
func Remove(path, name string) error {
	f, err := LoadOrNew(path)
	if err != nil {
		return err
	}
	f.Clusters = without(f.Clusters, func(c *Cluster) bool { return c.Name == name })
	f.Users = without(f.Users, func(u *User) bool { return u.Name == name })
	f.Contexts = without(f.Contexts, func(c *Context) bool { return c.Name == name })
	if f.CurrentContext == name {
		f.CurrentContext = ""
	}
	if _, err := os.Stat(f.path); err != nil {
		return nil
	}
	return f.Save("")
}

func without[T any](list []T, drop func(T) bool) []T {
	var out []T
	for _, v := range list {
		if !drop(v) {
			out = append(out, v)
		}
	}
	return out
}
