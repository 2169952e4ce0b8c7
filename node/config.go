// Package node is the agent: it registers its machine as a Node, runs the pods
// bound to it through a container runtime, and reports how they are.
//
// It owns everything below the API on its machine that carries its node's name, and
// nothing else: several agents may share a machine and a runtime. Its parts are
// packages of their own; this one puts them together. Run it once per process or
// several times with different names and roots.
package node

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/identity"
)

// Config is what an agent needs.
type Config struct {
	// Name of the node. Required.
	Name string
	// Endpoints of the API servers, host:port. Required.
	Endpoints []string
	// Files are the node's certificate (system:node:NAME) and the CA. The
	// certificate is renewed in place. Required.
	Files identity.Files
	// Root is the directory for everything the agent keeps: volumes, logs.
	// Default /var/lib/kaji/nodes/NAME.
	Root string
	// RuntimeEndpoint is the socket of the container runtime. Default
	// /run/containerd/containerd.sock.
	RuntimeEndpoint string
	// Address to serve on, host:port; port 0 takes a free one. Default :10250.
	Address string
	// MetricsAddress serves /metrics; empty for none.
	MetricsAddress string
	// Addresses of the node, primary first. Default: the one that the machine
	// reaches the rest of the world from.
	Addresses []string
	// Labels and Taints the node registers with.
	Labels map[string]string
	Taints []*corev1.Taint
	// MaxPods bounds the pods on the node. Default 110.
	MaxPods int64
	// Reserved is kept from pods, by resource name.
	Reserved map[string]resource.Quantity
	// ClusterDNS are the addresses of the cluster's DNS; ClusterDomain is its
	// domain, default cluster.local.
	ClusterDNS    []string
	ClusterDomain string
	// Version of the agent, as the Node shows it. Default: that of the build.
	Version string
	// ParallelPulls bounds the images pulled at a time, default 4;
	// ParallelStarts the sandboxes and containers made at a time, default 8.
	ParallelPulls, ParallelStarts int
	// LogMaxBytes and LogMaxFiles bound a container's log; default 10 MiB and 5.
	LogMaxBytes int64
	LogMaxFiles int
	// RefreshVolumes is how often configMaps, secrets and the like are brought
	// up to date in volumes. Default one minute.
	RefreshVolumes time.Duration
	// MinMemory and MinDisk are the bytes below which the node is under pressure.
	// Default 100 MiB and 1 GiB.
	MinMemory, MinDisk int64
}

// Validate fills the defaults and says what is wrong.
func (c *Config) Validate() error {
	if c.Name == "" {
		return errors.New("node: Name is required")
	}
	if len(c.Endpoints) == 0 {
		return errors.New("node: Endpoints are required")
	}
	if err := c.Files.Validate(); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	return c.setDefaults()
}

// setDefaults does not look at what is only needed to reach the API.
func (c *Config) setDefaults() error {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	text(&c.Root, "/var/lib/kaji/nodes/"+c.Name)
	text(&c.RuntimeEndpoint, "/run/containerd/containerd.sock")
	text(&c.Address, ":10250")
	text(&c.ClusterDomain, "cluster.local")
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		text(&c.Version, info.Main.Version)
	}
	text(&c.Version, "dev")
	number(&c.MaxPods, 110)
	number(&c.ParallelPulls, 4)
	number(&c.ParallelStarts, 8)
	number(&c.LogMaxBytes, 10<<20)
	number(&c.LogMaxFiles, 5)
	number(&c.RefreshVolumes, time.Minute)
	number(&c.MinMemory, 100<<20)
	number(&c.MinDisk, 1<<30)
	if !filepath.IsAbs(c.Root) {
		return errors.New("node: Root must be an absolute path")
	}
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("node: Address: %w", err)
	}
	for _, a := range c.Addresses {
		if net.ParseIP(a) == nil {
			return fmt.Errorf("node: %q in Addresses is not an IP address", a)
		}
	}
	if len(c.Addresses) == 0 {
		ip, err := ownIP()
		if err != nil {
			return err
		}
		c.Addresses = []string{ip}
	}
	return nil
}

func number[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// ownIP is the address from which the machine would speak with the world; nothing
// is sent to find it.
func ownIP() (string, error) {
	if c, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		defer c.Close()
		if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
			return a.IP.String(), nil
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("node: %w", err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String(), nil
		}
	}
	return "127.0.0.1", nil
}
