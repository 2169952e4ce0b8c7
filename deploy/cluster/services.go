package cluster

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kaji.dev/kaji/deploy/host"
	"kaji.dev/kaji/deploy/supervise"
	"kaji.dev/kaji/identity"
)

// Service is one service of the cluster, as a command of the kaji binary.
type Service struct {
	// Name is unique in the cluster: apiserver, store-1, node-2, ….
	Name string
	// Args are the command and its flags.
	Args []string
}

// PauseImage is the image of sandbox containers, in the cluster's registry.
const PauseImage = "kaji/pause:1"

// ContainerdName is the process name of the private containerd.
const ContainerdName = "containerd"

// Containerd describes the cluster's private runtime.
func (c *Config) Containerd() host.Containerd {
	runtime := c.Files("runtime")
	return host.Containerd{
		Dir: filepath.Join(c.Dir, "containerd"), RunDir: filepath.Join(c.RunDir(), "containerd"),
		SandboxImage: c.sandboxImage(), Registry: c.Registry(),
		RegistryCA: runtime.CA, RegCert: runtime.Cert, RegKey: runtime.Key,
		CNI: c.Network(),
	}
}

func (c *Config) sandboxImage() string {
	if c.SandboxImage != "" {
		return c.SandboxImage
	}
	return c.Registry() + "/" + PauseImage
}

// Network is the pod network of the private runtime.
func (c *Config) Network() host.Network {
	return host.Network{Bridge: c.Bridge(), Subnet: netip.MustParsePrefix(c.PodSubnet), DataDir: filepath.Join(c.Dir, "containerd", "addresses")}
}

// Endpoint is the CRI socket the agents use, as a URL.
func (c *Config) Endpoint() string {
	if c.CRIEndpoint != "" {
		return c.CRIEndpoint
	}
	return "unix://" + c.Containerd().Socket()
}

// Services are the services of the cluster in the order they start.
func (c *Config) Services() []Service {
	out := []Service{c.registryService()}
	out = append(out, c.storeServices()...)
	out = append(out,
		c.service("apiserver", "apiserver", portAPIServer,
			"--store="+strings.Join(c.StoreAddresses(), ","), "--ca-dir="+c.PKIDir(), "--advertise="+c.APIServer()),
		c.service("controllers", "controllers", portControllers, "--apiserver="+c.APIServer()),
		c.service("scheduler", "scheduler", portScheduler, "--apiserver="+c.APIServer()),
	)
	for i, n := range c.NodeNames() {
		out = append(out, c.service(n, "node", portNode+i+1, "--name="+n, "--dir="+c.NodeDir(n), "--apiserver="+c.APIServer(),
			"--cri-endpoint="+c.Endpoint(), "--address="+c.Address))
	}
	return out
}

// NodeDir is where a node's agent keeps volumes and logs.
func (c *Config) NodeDir(node string) string { return filepath.Join(c.Dir, "nodes", node) }

// StoreAddresses are where the members of the store serve.
func (c *Config) StoreAddresses() []string {
	out := make([]string, c.Members)
	for i := range out {
		out[i] = c.Store(i + 1)
	}
	return out
}

func (c *Config) storeServices() []Service {
	var initial []string
	for i, id := range c.MemberIDs() {
		initial = append(initial, id+"="+c.Store(i+1))
	}
	var out []Service
	for i, id := range c.MemberIDs() {
		out = append(out, c.service(id, "store", portStore+i+1, "--id="+id, "--dir="+filepath.Join(c.Dir, "store", id), "--initial-members="+strings.Join(initial, ",")))
	}
	return out
}

func (c *Config) registryService() Service {
	args := []string{"registry", "--listen=" + c.Registry(), "--images=" + c.ImageDir(), "--blobs=" + filepath.Join(c.Dir, "blobs"), "--log-level=" + c.LogLevel}
	if c.CRIEndpoint == "" {
		args = append(args, tlsArgs(c.Files("registry"))...)
	} else {
		// A runtime that Kaji did not configure does not know the cluster's CA.
		args = append(args, "--plain-http")
	}
	return Service{"registry", args}
}

func (c *Config) service(name, command string, port int, args ...string) Service {
	_, base, _ := net.SplitHostPort(c.at(port + metricsOffset))
	all := append([]string{command, "--listen=" + c.at(port), "--metrics-listen=" + net.JoinHostPort(c.Address, base), "--log-level=" + c.LogLevel}, args...)
	return Service{name, append(all, tlsArgs(c.Files(name))...)}
}

func tlsArgs(f identity.Files) []string {
	return []string{"--ca=" + f.CA, "--cert=" + f.Cert, "--key=" + f.Key}
}

// Processes are what the supervisor keeps running: the runtime, when it is the cluster's own, and the services,
// each in a process of its own or all in one. executable is the kaji binary.
func (c *Config) Processes(executable string) []supervise.Process {
	var out []supervise.Process
	one := func(s Service) supervise.Process {
		return supervise.Process{Name: s.Name, Path: executable, Args: s.Args, StopTimeout: 30 * time.Second}
	}
	services := c.Services()
	if c.CRIEndpoint == "" {
		ctr := c.Containerd()
		path, args := ctr.Command()
		out = append(out, supervise.Process{Name: ContainerdName, Path: path, Args: args, Keep: true, Ready: ctr.Socket()})
	}
	if !c.Separate {
		return append(out, one(Service{"kaji", []string{"all", "--dir=" + c.Dir}}))
	}
	for _, s := range services {
		out = append(out, one(s))
	}
	return out
}

// Hostname of the machine, for people.
func Hostname() string {
	h, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return h
}

// Ports are all the ports the cluster listens on.
func (c *Config) Ports() []int {
	var out []int
	add := func(p int) { out = append(out, c.BasePort+p, c.BasePort+p+metricsOffset) }
	add(portAPIServer)
	add(portScheduler)
	add(portControllers)
	for i := range c.Members {
		add(portStore + i + 1)
	}
	for i := range c.Nodes {
		add(portNode + i + 1)
	}
	return append(out, c.BasePort+portRegistry)
}

func portString(p int) string { return strconv.Itoa(p) }
