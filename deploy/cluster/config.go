// Package cluster knows the shape of a cluster on one machine: its directory, its identities, its ports, and
// the processes it is made of.
//
// `kaji init` writes it down, `kaji up` brings it about, `kaji down` takes it away. One process at a time
// changes a cluster directory; reading is free.
package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"go.yaml.in/yaml/v3"

	"kaji.dev/kaji/identity"
)

// DefaultDir is where a cluster lives when nothing else is said.
const DefaultDir = "/var/lib/kaji"

// Config is what a cluster on one machine looks like. It is kept as cluster.yaml in its directory.
type Config struct {
	// Dir holds everything of the cluster.
	Dir string `yaml:"-"`
	// Name is the cluster's name, and that of its context in the user's configuration.
	Name string `yaml:"name"`
	// Address is the IP address every service listens on and is reached at.
	Address string `yaml:"address"`
	// BasePort is what the ports are counted from; see Port.
	BasePort int `yaml:"basePort"`
	// Members is the number of store members: odd.
	Members int `yaml:"members"`
	// Nodes is the number of node agents.
	Nodes int `yaml:"nodes"`
	// Separate runs each service as a process of its own; otherwise all share one.
	Separate bool `yaml:"separate"`
	// CRIEndpoint is the socket of a runtime that is there already; empty for a private containerd.
	CRIEndpoint string `yaml:"criEndpoint,omitempty"`
	// PodSubnet is where pod addresses come from, for the private containerd.
	PodSubnet string `yaml:"podSubnet"`
	// SandboxImage holds the namespaces of pods in the private containerd; empty for the one made here.
	SandboxImage string `yaml:"sandboxImage,omitempty"`
	// LogLevel of every service: trace, debug, info, warn, error.
	LogLevel string `yaml:"logLevel,omitempty"`
}

// SetDefaults fills in what is not set.
func (c *Config) SetDefaults() {
	if c.Dir == "" {
		c.Dir = DefaultDir
	}
	if c.Name == "" {
		c.Name = "kaji"
	}
	if c.Address == "" {
		c.Address = "127.0.0.1"
	}
	if c.BasePort == 0 {
		c.BasePort = 7400
	}
	if c.Members == 0 {
		c.Members = 1
	}
	if c.Nodes == 0 {
		c.Nodes = 1
	}
	if c.PodSubnet == "" {
		c.PodSubnet = "10.244.0.0/16"
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
}

// Validate names everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if !filepath.IsAbs(c.Dir) {
		errs = append(errs, fmt.Errorf("the cluster directory %q is not an absolute path", c.Dir))
	}
	if net.ParseIP(c.Address) == nil {
		errs = append(errs, fmt.Errorf("%q is no IP address", c.Address))
	}
	if c.BasePort < 1024 || c.BasePort > 60000 {
		errs = append(errs, fmt.Errorf("base port %d is not between 1024 and 60000", c.BasePort))
	}
	if c.Members < 1 || c.Members > maxMembers || c.Members%2 == 0 {
		errs = append(errs, fmt.Errorf("a store has 1, 3, 5, 7 or 9 members, not %d", c.Members))
	}
	if c.Nodes < 1 || c.Nodes > maxNodes {
		errs = append(errs, fmt.Errorf("one machine runs 1 to %d node agents, not %d", maxNodes, c.Nodes))
	}
	if _, err := netip.ParsePrefix(c.PodSubnet); err != nil {
		errs = append(errs, fmt.Errorf("pod subnet: %w", err))
	}
	return errors.Join(errs...)
}

func configFile(dir string) string { return filepath.Join(dir, "cluster.yaml") }

// Load reads the cluster of a directory; fs.ErrNotExist when there is none.
func Load(dir string) (*Config, error) {
	b, err := os.ReadFile(configFile(dir))
	if err != nil {
		return nil, err
	}
	c := &Config{}
	if err := yaml.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("%s: %w", configFile(dir), err)
	}
	c.Dir = dir
	c.SetDefaults()
	return c, c.Validate()
}

// Exists reports whether a directory holds a cluster.
func Exists(dir string) bool {
	_, err := os.Stat(configFile(dir))
	return err == nil
}

// Save writes the configuration down.
func (c *Config) Save() error {
	b, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(configFile(c.Dir), b, 0o644)
}

// Init writes the cluster's configuration and makes its CA and certificates; what is there already and good stays.
// The number of store members is fixed at the first Init: a store changes its members through StoreService.
func (c *Config) Init() error {
	c.SetDefaults()
	if err := c.Validate(); err != nil {
		return err
	}
	old, err := Load(c.Dir)
	switch {
	case err == nil:
		if old.Members != c.Members {
			return fmt.Errorf("this cluster has %d store members; it cannot come up with %d (`kaji down --purge` begins anew)", old.Members, c.Members)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	ca, err := identity.InitCA(c.PKIDir(), c.Name)
	if err != nil {
		return err
	}
	if err := c.ensureCertificates(ca, c.identities()); err != nil {
		return err
	}
	return c.Save()
}

type certificate struct {
	file    string
	request identity.Request
}

// hosts are the names that every server certificate is good for, beside its own.
func (c *Config) hosts(own ...string) []string {
	h := append(own, c.Address)
	if c.Address != "127.0.0.1" {
		h = append(h, "127.0.0.1")
	}
	return append(h, "localhost")
}

func (c *Config) identities() []certificate {
	component := []string{identity.GroupComponents}
	out := []certificate{
		{"apiserver", identity.Request{Name: identity.APIServer, Groups: component, Hosts: c.hosts("kaji-apiserver")}},
		{"scheduler", identity.Request{Name: identity.Scheduler, Groups: component, Hosts: c.hosts("kaji-scheduler")}},
		{"controllers", identity.Request{Name: identity.Controllers, Groups: component, Hosts: c.hosts("kaji-controllers")}},
		{"registry", identity.Request{Name: "system:registry", Groups: component, Hosts: c.hosts("kaji-registry")}},
		{"runtime", identity.Request{Name: "system:runtime", Groups: component}},
		{"admin", identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}}},
	}
	for _, id := range c.MemberIDs() {
		out = append(out, certificate{id, identity.Request{Name: identity.StoreName(id), Groups: []string{identity.GroupStores}, Hosts: c.hosts("kaji-store", id)}})
	}
	for _, n := range c.NodeNames() {
		out = append(out, certificate{n, identity.Request{Name: identity.NodeName(n), Groups: []string{identity.GroupNodes}, Hosts: []string{identity.NodeHost(n)}}})
	}
	return out
}

// PKIDir holds the CA and all certificates.
func (c *Config) PKIDir() string { return filepath.Join(c.Dir, "pki") }

// Files are the certificate files of one identity: apiserver, scheduler, admin, a member id, a node name, ….
func (c *Config) Files(name string) identity.Files { return identity.FilesIn(c.PKIDir(), name) }

// RunDir holds sockets and pid files. It is below /run, since it must not outlive a reboot.
func (c *Config) RunDir() string {
	if c.Dir == DefaultDir {
		return "/run/kaji"
	}
	return "/run/kaji-" + c.tag()
}

// tag is a short name derived from the directory, for what must differ between clusters of one machine.
func (c *Config) tag() string {
	sum := sha256.Sum256([]byte(c.Dir))
	return hex.EncodeToString(sum[:4])
}

// Bridge is the link of the pod network.
func (c *Config) Bridge() string {
	if c.Dir == DefaultDir {
		return "kaji0"
	}
	return "kaji-" + c.tag()
}

// LogDir holds what the processes print.
func (c *Config) LogDir() string { return filepath.Join(c.Dir, "log") }

// ImageDir holds the images that the cluster's registry serves.
func (c *Config) ImageDir() string { return filepath.Join(c.Dir, "images") }

// MemberIDs are the ids of the store members.
func (c *Config) MemberIDs() []string { return numbered("store-", c.Members) }

// NodeNames are the names of the nodes.
func (c *Config) NodeNames() []string { return numbered("node-", c.Nodes) }

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i+1)
	}
	return out
}
