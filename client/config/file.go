// Package config finds out which cluster a program is to speak to, and as whom: Find is what programs call.
//
// It owns the file ~/.kaji/config and its meaning (which clusters there are, who the user is to each, and which one is meant
// when nothing is said), and the place where a pod finds the credentials of its service account. It refuses unknown
// fields and contexts that point nowhere. It opens no connection: it makes the settings for one, with certificates and tokens
// that are read again when their files change. Functions may be used concurrently, a File may not.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"kaji.dev/kaji/similar"
)

// Env is the environment variable that names the file; without it the file is ~/.kaji/config.
const Env = "KAJI_CONFIG"

// File is the configuration file.
type File struct {
	// Clusters, Users and Contexts are found by name.
	Clusters []*Cluster `yaml:"clusters"`
	Users    []*User    `yaml:"users"`
	Contexts []*Context `yaml:"contexts"`
	// CurrentContext is used when no other is asked for.
	CurrentContext string `yaml:"current-context"`

	// path is where the file was read; relative paths in it count from its folder.
	path string
}

// Cluster is where an API is.
type Cluster struct {
	Name string `yaml:"name"`
	// Endpoints are the addresses of API servers, host:port.
	Endpoints []string `yaml:"endpoints,flow"`
	// Store are the addresses of members of the store, host:port, for those who look after it.
	Store []string `yaml:"store-endpoints,flow,omitempty"`
	// CA is the file of the cluster's CA certificate; CAData is the certificate itself, base64 of PEM.
	CA     string `yaml:"certificate-authority,omitempty"`
	CAData string `yaml:"certificate-authority-data,omitempty"`
	// ServerName is what the servers' certificates are for, when it is not the host of the endpoint.
	ServerName string `yaml:"tls-server-name,omitempty"`
}

// User is who the user is: a certificate with its key, or a bearer token, or both.
type User struct {
	Name string `yaml:"name"`
	// Cert and Key are files, CertData and KeyData the same inline, base64 of PEM.
	Cert     string `yaml:"client-certificate,omitempty"`
	CertData string `yaml:"client-certificate-data,omitempty"`
	Key      string `yaml:"client-key,omitempty"`
	KeyData  string `yaml:"client-key-data,omitempty"`
	// Token is a bearer token, TokenFile a file that holds one and is read again when it changes.
	Token     string `yaml:"token,omitempty"`
	TokenFile string `yaml:"token-file,omitempty"`
}

// Context joins a cluster, a user and a namespace.
type Context struct {
	Name    string `yaml:"name"`
	Cluster string `yaml:"cluster"`
	User    string `yaml:"user"`
	// Namespace is used when none is asked for; default when empty.
	Namespace string `yaml:"namespace,omitempty"`
}

// DefaultPath is the file that is meant when none is named: $KAJI_CONFIG, or ~/.kaji/config.
func DefaultPath() string {
	if p := os.Getenv(Env); p != "" {
		return p
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	return filepath.Join(home, ".kaji", "config")
}

// named tells whether the environment names a file.
func named() bool { return os.Getenv(Env) != "" }

// Load reads a file; DefaultPath when path is empty. A file that does not exist is fs.ErrNotExist.
func Load(path string) (*File, error) {
	if path == "" {
		path = DefaultPath()
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// LoadOrNew is Load, but a file that does not exist is an empty one.
func LoadOrNew(path string) (*File, error) {
	f, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		if path == "" {
			path = DefaultPath()
		}
		return &File{path: path}, nil
	}
	return f, err
}

// Path is where the file was read or will be saved.
func (f *File) Path() string { return f.path }

// Save writes the file, readable by its owner only, replacing it atomically; to where it was read when path
// is empty.
func (f *File) Save(path string) error {
	if path == "" {
		path = f.path
	}
	if path == "" {
		path = DefaultPath()
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(f), enc.Close()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := replaceFile(path, b.Bytes()); err != nil {
		return err
	}
	f.path = path
	return nil
}

func replaceFile(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// Context returns the context of that name, or the current one when name is empty.
func (f *File) Context(name string) (*Context, error) {
	if name == "" {
		name = f.CurrentContext
	}
	if name == "" {
		return nil, errors.New("no context is current; choose one with `kaji config use-context NAME`")
	}
	names := make([]string, 0, len(f.Contexts))
	for _, c := range f.Contexts {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	hint := "`kaji config get-contexts` lists them"
	if best := similar.Best(name, names); best != "" {
		hint = fmt.Sprintf("did you mean %q?", best)
	}
	return nil, fmt.Errorf("there is no context %q in %s; %s", name, f.path, hint)
}

func (f *File) cluster(name string) (*Cluster, error) {
	if i := slices.IndexFunc(f.Clusters, func(c *Cluster) bool { return c.Name == name }); i >= 0 {
		return f.Clusters[i], nil
	}
	return nil, fmt.Errorf("there is no cluster %q in %s", name, f.path)
}

func (f *File) user(name string) (*User, error) {
	if i := slices.IndexFunc(f.Users, func(u *User) bool { return u.Name == name }); i >= 0 {
		return f.Users[i], nil
	}
	return nil, fmt.Errorf("there is no user %q in %s", name, f.path)
}

// SetCluster adds a cluster, or replaces the one of that name.
func (f *File) SetCluster(c *Cluster) {
	f.Clusters = put(f.Clusters, c, func(have *Cluster) bool { return have.Name == c.Name })
}

// SetUser adds a user, or replaces the one of that name.
func (f *File) SetUser(u *User) {
	f.Users = put(f.Users, u, func(have *User) bool { return have.Name == u.Name })
}

// SetContext adds a context, or replaces the one of that name.
func (f *File) SetContext(c *Context) {
	f.Contexts = put(f.Contexts, c, func(have *Context) bool { return have.Name == c.Name })
}

func put[T any](list []T, v T, same func(T) bool) []T {
	if i := slices.IndexFunc(list, same); i >= 0 {
		list[i] = v
		return list
	}
	return append(list, v)
}
