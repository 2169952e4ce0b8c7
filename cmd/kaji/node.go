package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/cli"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node"
)

// runsAgent makes the user's `kaji node`, under which joining is, run the agent when it has no subcommand.
func runsAgent(root *cobra.Command, version string) {
	c := find(root, "node")
	var f serviceFlags
	var a agentFlags
	c.Short = "Run a node's agent, or join a cluster"
	c.Long = `Run a node's agent with a certificate that there is already. On a machine that has none, "kaji node join" gets one
and runs the agent.`
	c.Example = `  kaji node join 10.0.0.1:7443 --token $(cat token) --name node-2
  kaji node --name node-2 --listen :7471 --apiserver 10.0.0.1:7443 \
    --ca node-2/ca.crt --cert node-2/node.crt --key node-2/node.key`
	c.GroupID = serviceGroup
	c.Args = cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := a.config(f)
		if err != nil {
			return err
		}
		cfg.Version = version
		return node.Run(c.Context(), cfg, f.logger(cfg.Name))
	}
	f.bind(c)
	a.bindSelf(c)
	a.bind(c)
}

func find(parent *cobra.Command, name string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == name {
			return c
		}
	}
	panic("no command " + name)
}

// joinFlags are what `kaji node join` needs for the agent it starts, beside what joining itself tells.
type joinFlags struct {
	service serviceFlags
	agent   agentFlags
	version string
}

func (j *joinFlags) bind(root *cobra.Command) {
	c := find(find(root, "node"), "join")
	c.Flags().StringVar(&j.service.listen, "listen", ":7471", "host:port the agent serves on")
	c.Flags().StringVar(&j.service.metrics, "metrics-listen", "", "host:port of the HTTPS endpoint /metrics; none when empty")
	j.service.bindLog(c)
	j.agent.bind(c)
}

func (j *joinFlags) start(ctx context.Context, a cli.Agent) error {
	j.agent.cfg.Version = j.version
	j.agent.cfg.Name, j.agent.cfg.Root, j.agent.cfg.Endpoints, j.service.files = a.Name, a.Dir, a.Endpoints, a.Files
	cfg, err := j.agent.config(j.service)
	if err != nil {
		return err
	}
	return node.Run(ctx, cfg, j.service.logger(cfg.Name))
}

// agentFlags are what an agent is told beside what every service is.
type agentFlags struct {
	cfg      node.Config
	labels   map[string]string
	taints   []string
	reserved map[string]string
}

// bindSelf binds what joining tells by itself.
func (a *agentFlags) bindSelf(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&a.cfg.Name, "name", "", "name of the node; its certificate is for it")
	fl.StringSliceVar(&a.cfg.Endpoints, "apiserver", nil, "API servers, as HOST:PORT")
	fl.StringVar(&a.cfg.Root, "dir", "", "directory for volumes and logs; /var/lib/kaji/nodes/NAME when empty")
}

func (a *agentFlags) bind(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&a.cfg.RuntimeEndpoint, "cri-endpoint", "", "socket of the container runtime; /run/containerd/containerd.sock when empty")
	fl.StringSliceVar(&a.cfg.Addresses, "address", nil, "IP addresses of the node, the primary one first")
	fl.StringToStringVar(&a.labels, "labels", nil, "labels the node registers with, as KEY=VALUE")
	fl.StringSliceVar(&a.taints, "taints", nil, "taints the node registers with, as KEY=VALUE:EFFECT")
	fl.Int64Var(&a.cfg.MaxPods, "max-pods", 110, "pods the node takes at most")
	fl.StringToStringVar(&a.reserved, "reserved", nil, "resources kept from pods, as cpu=100m,memory=256Mi")
	fl.StringSliceVar(&a.cfg.ClusterDNS, "cluster-dns", nil, "IP addresses of the cluster's DNS")
	fl.StringVar(&a.cfg.ClusterDomain, "cluster-domain", "cluster.local", "domain of the cluster's DNS")
}

func (a *agentFlags) config(f serviceFlags) (node.Config, error) {
	cfg := a.cfg
	cfg.Files, cfg.Address, cfg.MetricsAddress, cfg.Labels = f.files, f.listen, f.metrics, a.labels
	for _, t := range a.taints {
		taint, err := parseTaint(t)
		if err != nil {
			return cfg, err
		}
		cfg.Taints = append(cfg.Taints, taint)
	}
	for name, amount := range a.reserved {
		q, err := resource.ParseQuantity(amount)
		if err != nil {
			return cfg, fmt.Errorf("--reserved: %s: %w", name, err)
		}
		if cfg.Reserved == nil {
			cfg.Reserved = map[string]resource.Quantity{}
		}
		cfg.Reserved[name] = q
	}
	return cfg, nil
}

func parseTaint(s string) (*corev1.Taint, error) {
	spec, effect, ok := strings.Cut(s, ":")
	key, value, _ := strings.Cut(spec, "=")
	switch {
	case !ok || key == "":
		return nil, fmt.Errorf("--taints: %q is not KEY=VALUE:EFFECT", s)
	case effect != "NoSchedule" && effect != "PreferNoSchedule" && effect != "NoExecute":
		return nil, fmt.Errorf("--taints: the effect of %q is not NoSchedule, PreferNoSchedule or NoExecute", s)
	}
	return &corev1.Taint{Key: key, Value: value, Effect: effect}, nil
}
