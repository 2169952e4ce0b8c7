package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/deploy/cluster"
	"kaji.dev/kaji/deploy/host"
	"kaji.dev/kaji/deploy/images"
)

const setUpGroup = "set-up"

// addSetUp adds the commands that make a cluster and take it away.
func addSetUp(root *cobra.Command) {
	root.AddGroup(&cobra.Group{ID: setUpGroup, Title: "Set-up:"})
	for _, c := range []*cobra.Command{initCommand(), upCommand(), downCommand(), imageCommand()} {
		c.GroupID = setUpGroup
		c.SilenceUsage = true
		root.AddCommand(c)
	}
}

func bindCluster(fl *pflag.FlagSet, c *cluster.Config) {
	d := cluster.Config{}
	d.SetDefaults()
	fl.StringVar(&c.Dir, "dir", d.Dir, "cluster directory")
	fl.StringVar(&c.Name, "name", d.Name, "name of the cluster and of its context in your configuration")
	fl.StringVar(&c.Address, "address", d.Address, "IP address to serve on")
	fl.IntVar(&c.BasePort, "base-port", d.BasePort, "what ports are counted from; the API server's is 43 above")
	fl.IntVar(&c.Members, "members", d.Members, "store members: 1, 3, 5, …")
	fl.IntVar(&c.Nodes, "nodes", d.Nodes, "node agents")
	fl.BoolVar(&c.Separate, "separate", d.Separate, "run each service as a process of its own")
	fl.StringVar(&c.CRIEndpoint, "cri-endpoint", "", "socket of a CRI runtime that runs already, e.g. unix:///run/containerd/containerd.sock; a private containerd otherwise")
	fl.StringVar(&c.PodSubnet, "pod-subnet", d.PodSubnet, "where pod addresses come from")
	fl.StringVar(&c.SandboxImage, "sandbox-image", "", "image of the container that holds a pod's namespaces; one made here when empty")
	fl.StringVar(&c.LogLevel, "log-level", d.LogLevel, "trace, debug, info, warn or error")
}

// keepOld takes over what the cluster in the directory was made with, where no flag says otherwise, so that a
// bare `kaji up` brings the same cluster back.
func keepOld(fl *pflag.FlagSet, c *cluster.Config) error {
	abs, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = abs
	old, err := cluster.Load(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	merged := *old
	for flag, set := range map[string]func(){
		"name": func() { merged.Name = c.Name }, "address": func() { merged.Address = c.Address },
		"base-port": func() { merged.BasePort = c.BasePort }, "members": func() { merged.Members = c.Members },
		"nodes": func() { merged.Nodes = c.Nodes }, "separate": func() { merged.Separate = c.Separate },
		"cri-endpoint": func() { merged.CRIEndpoint = c.CRIEndpoint }, "pod-subnet": func() { merged.PodSubnet = c.PodSubnet },
		"sandbox-image": func() { merged.SandboxImage = c.SandboxImage },
		"log-level":     func() { merged.LogLevel = c.LogLevel },
	} {
		if fl.Changed(flag) {
			set()
		}
	}
	*c = merged
	return nil
}

func initCommand() *cobra.Command {
	cfg := &cluster.Config{}
	c := &cobra.Command{
		Use:     "init",
		Short:   "Make a cluster's CA, certificates and configuration, without starting anything",
		Example: `  kaji init --dir /var/lib/kaji --nodes 3`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := keepOld(c.Flags(), cfg); err != nil {
				return err
			}
			if err := cfg.Init(); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "cluster %q is laid out in %s; `kaji up --dir %s` starts it\n", cfg.Name, cfg.Dir, cfg.Dir)
			return nil
		},
	}
	bindCluster(c.Flags(), cfg)
	return c
}

func upCommand() *cobra.Command {
	cfg := &cluster.Config{}
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster on this machine, in the background",
		Example: `  kaji up
  kaji up --nodes 3 --members 3`,
		Long: `Start a cluster on this machine, in the background: missing packages are installed (Debian), certificates made,
a private containerd and all services started and kept running. Run it again at any time: what runs well is left alone.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return errors.New("kaji up starts containers and needs root: try sudo")
			}
			if err := keepOld(c.Flags(), cfg); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			if err := cfg.Up(ctx, progress(c)); err != nil {
				return err
			}
			path, err := writeContext(cfg)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), `cluster %q runs: %d node(s), API at %s
your client configuration is %s, context %q
try: kaji get nodes
`, cfg.Name, cfg.Nodes, cfg.APIServer(), path, cfg.Name)
			return nil
		},
	}
	bindCluster(c.Flags(), cfg)
	c.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "give up after this long")
	return c
}

// writeContext adds the cluster to the user's client configuration and makes it the current one.
func writeContext(cfg *cluster.Config) (path string, err error) {
	path = config.DefaultPath()
	of := &config.Cluster{Name: cfg.Name, Endpoints: []string{cfg.APIServer()}, Store: cfg.StoreAddresses()}
	return path, config.WriteCluster(path, of, cfg.Files("admin"))
}

func downCommand() *cobra.Command {
	var dir string
	var purge bool
	c := &cobra.Command{
		Use:   "down",
		Short: "Stop the cluster on this machine, with all its containers",
		Example: `  kaji down
  kaji down --purge`,
		Long: `Stop the cluster on this machine: its services, every pod of its nodes, the private containerd, the pod network.
What the store holds stays, and the next ` + "`kaji up`" + ` runs it again; --purge removes it too.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			abs, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			cfg, err := cluster.Load(abs)
			if errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintf(c.OutOrStdout(), "there is no cluster in %s\n", abs)
				return nil
			}
			if err != nil {
				return err
			}
			if err := cfg.Down(c.Context(), purge, progress(c)); err != nil {
				return err
			}
			if purge {
				return config.Remove(config.DefaultPath(), cfg.Name)
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", cluster.DefaultDir, "cluster directory")
	c.Flags().BoolVar(&purge, "purge", false, "remove the cluster's data, certificates and context too")
	return c
}

func progress(c *cobra.Command) func(string) {
	return func(s string) { fmt.Fprintln(c.ErrOrStderr(), "•", s) }
}

// imageProgress shows how far the storing of images is, in a line of its own on a terminal; nil where there is none.
func imageProgress(out io.Writer) func(images.Progress) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	shown := ""
	return func(p images.Progress) {
		line := fmt.Sprintf("\r\x1b[K• %s: %d %% of %d MB", p.Image, 100*p.Complete/max(p.Total, 1), (p.Total+1<<20-1)>>20)
		if p.Complete == p.Total {
			line = "\r\x1b[K" // The names that follow say that it is done.
		}
		if line != shown {
			fmt.Fprint(out, line)
			shown = line
		}
	}
}

// imageCommand gives images to the cluster's own registry.
func imageCommand() *cobra.Command {
	var dir string
	image := &cobra.Command{Use: "image", Short: "Give images to the cluster's own registry", Example: "  kaji image build examples/web:1 web\n  kaji image load images.tar"}
	image.PersistentFlags().StringVar(&dir, "dir", cluster.DefaultDir, "cluster directory")

	var user string
	var shell bool
	build := &cobra.Command{
		Use:     "build NAME:TAG EXECUTABLE",
		Short:   "Make an image of one static executable",
		Example: "  CGO_ENABLED=0 go build -o web ./examples/web\n  kaji image build examples/web:1 web",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := cluster.Load(dir)
			if err != nil {
				return fmt.Errorf("no cluster in %s (run `kaji up` first): %w", dir, err)
			}
			spec, err := images.Binary(args[1], user)
			if err != nil {
				return err
			}
			if shell {
				if err := host.InstallBusybox(c.Context(), progress(c)); err != nil {
					return err
				}
				if err := images.AddShell(c.Context(), &spec, host.Busybox); err != nil {
					return err
				}
			}
			img, err := images.Build(spec)
			if err != nil {
				return err
			}
			if err := images.Dir(cfg.ImageDir()).Put(args[0], img); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s/%s\n", cfg.Registry(), args[0])
			return nil
		},
	}
	build.Flags().StringVar(&user, "user", "65532:65532", "uid:gid the executable runs as")
	build.Flags().BoolVar(&shell, "shell", false, "add a shell and the usual tools (busybox), for kaji exec")
	load := &cobra.Command{
		Use:   "load ARCHIVE.tar",
		Short: "Take over the images of an archive as `docker save` writes it",
		Example: `  docker save -o images.tar shop/web:1
  kaji image load images.tar`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := cluster.Load(dir)
			if err != nil {
				return fmt.Errorf("no cluster in %s (run `kaji up` first): %w", dir, err)
			}
			names, err := images.Dir(cfg.ImageDir()).Import(args[0], imageProgress(c.ErrOrStderr()))
			for i, n := range names {
				names[i] = cfg.Registry() + "/" + n
			}
			if len(names) > 0 {
				fmt.Fprintln(c.OutOrStdout(), strings.Join(names, "\n"))
			}
			return err
		},
	}
	image.AddCommand(build, load)
	return image
}
