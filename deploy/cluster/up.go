package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/host"
	"kaji.dev/kaji/deploy/images"
	"kaji.dev/kaji/deploy/supervise"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
)

// Up makes the cluster run: packages, certificates, runtime, services. It returns when every node is Ready.
// What runs already is left alone unless it runs from an older binary or another configuration.
func (c *Config) Up(ctx context.Context, progress func(string)) error {
	if c.CRIEndpoint == "" {
		if err := host.Install(ctx, progress); err != nil {
			return err
		}
	}
	old, _ := Load(c.Dir)
	if err := c.Init(); err != nil {
		return err
	}
	if err := c.prepareRuntime(); err != nil {
		return err
	}
	if err := c.startSupervisor(old, progress); err != nil {
		return err
	}
	// Nodes that outlived their runtime may look Ready for a while.
	if err := c.awaitRuntime(ctx, nil); err != nil {
		return fmt.Errorf("the container runtime at %s: %w%s", c.Endpoint(), err, c.logHint())
	}
	progress("waiting for the API server at " + c.APIServer())
	if err := c.awaitAPI(ctx); err != nil {
		return fmt.Errorf("the API server did not come up: %w%s", err, c.logHint())
	}
	progress("waiting for the nodes")
	if err := c.awaitNodes(ctx); err != nil {
		return fmt.Errorf("not all nodes became Ready: %w%s", err, c.logHint())
	}
	return nil
}

func (c *Config) prepareRuntime() error {
	if c.SandboxImage == "" {
		pause, err := images.Pause()
		if err != nil {
			return err
		}
		if err := images.Dir(c.ImageDir()).Put(PauseImage, pause); err != nil {
			return err
		}
	}
	if c.CRIEndpoint != "" {
		return nil
	}
	if err := os.MkdirAll(c.Containerd().RunDir, 0o711); err != nil {
		return err
	}
	return c.Containerd().Write()
}

func (c *Config) logHint() string {
	return "\n  see the logs in " + c.LogDir()
}

// startSupervisor starts the supervisor in the background, or leaves the one that runs the same thing.
func (c *Config) startSupervisor(old *Config, progress func(string)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	running := supervise.Running(c.RunDir())
	if pid, ok := running["supervisor"]; ok {
		if old != nil && *old == *c && sameBinary(pid, self) {
			return nil
		}
		progress("restarting the services with the new binary or configuration; containers stay")
		if err := supervise.Stop(c.RunDir(), time.Minute, ContainerdName); err != nil {
			return err
		}
	} else {
		if err := c.portsFree(running); err != nil {
			return err
		}
		progress("starting the services")
	}
	for _, d := range []string{c.RunDir(), c.LogDir()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	out, err := os.OpenFile(filepath.Join(c.LogDir(), "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(self, "supervise", "--dir="+c.Dir)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// sameBinary reports whether a process runs the very file at path.
func sameBinary(pid int, path string) bool {
	a, errA := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// portsFree finds out before anything starts that another program has a port.
func (c *Config) portsFree(running map[string]int) error {
	for name := range running {
		if name != ContainerdName {
			// Services without a supervisor hold their ports; the new supervisor takes them over.
			return nil
		}
	}
	var taken []string
	for _, p := range c.Ports() {
		l, err := net.Listen("tcp", net.JoinHostPort(c.Address, portString(p)))
		if errors.Is(err, syscall.EADDRINUSE) {
			taken = append(taken, portString(p))
			continue
		}
		if err != nil {
			return err
		}
		l.Close()
	}
	if len(taken) > 0 {
		return fmt.Errorf("other programs listen on port %s of %s; choose other ports with --base-port", strings.Join(taken, ", "), c.Address)
	}
	return nil
}

// ServerName is what API server certificates are good for, whatever address is dialled.
const ServerName = "kaji-apiserver"

func (c *Config) awaitAPI(ctx context.Context) error {
	tls, err := identity.ClientTLS(c.Files("admin"), ServerName)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(c.APIServer(), grpc.WithTransportCredentials(credentials.NewTLS(tls)))
	if err != nil {
		return err
	}
	defer conn.Close()
	return retry(ctx, func() error {
		resp, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true))
		if err == nil && resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			err = errors.New(resp.GetStatus().String())
		}
		return err
	})
}

// Client returns a client with the administrator's rights.
func (c *Config) Client() (*client.Client, error) {
	tls, err := identity.ClientTLS(c.Files("admin"), ServerName)
	if err != nil {
		return nil, err
	}
	return client.Dial(client.Config{Endpoints: []string{c.APIServer()}, TLS: tls, UserAgent: "kaji-up"})
}

func (c *Config) awaitNodes(ctx context.Context) error {
	api, err := c.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	nodes := client.Of[*corev1.Node](api)
	return retry(ctx, func() error {
		got, _, err := nodes.List(ctx, "", &metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := map[string]bool{}
		for _, n := range got {
			ready[n.GetMetadata().GetName()] = nodeReady(n)
		}
		var missing []string
		for _, n := range c.NodeNames() {
			if !ready[n] {
				missing = append(missing, n)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("%s", strings.Join(missing, ", "))
		}
		return nil
	})
}

func nodeReady(n *corev1.Node) bool {
	for _, c := range n.GetStatus().GetConditions() {
		if c.GetType() == "Ready" {
			return c.GetStatus() == "True"
		}
	}
	return false
}

// retry calls f until it succeeds or the context ends; the last failure is what is told.
func retry(ctx context.Context, f func() error) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
