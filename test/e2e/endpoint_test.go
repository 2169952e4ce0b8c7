package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kaji.dev/kaji/deploy/cluster"
	"kaji.dev/kaji/deploy/host"
)

// startRuntime runs a containerd that is none of Kaji's business, as a machine may have one already, and returns its socket.
func startRuntime(t *testing.T, sandboxImage string, octet int) string {
	t.Helper()
	dir := t.TempDir()
	run, err := os.MkdirTemp("/run", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	rt := host.Containerd{
		Dir: dir, RunDir: run, SandboxImage: sandboxImage, Registry: "127.0.0.1:1",
		CNI: host.Network{Bridge: "e2e" + filepath.Base(run)[4:10], Subnet: netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", octet)), DataDir: filepath.Join(dir, "addresses")},
	}
	if err := rt.Write(); err != nil {
		t.Fatal(err)
	}
	// The network is the runtime's too: it is there before the cluster and stays after it.
	if out, err := exec.Command("ip", "link", "add", rt.CNI.Bridge, "type", "bridge").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	path, args := rt.Command()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		log.Close()
		if err := rt.CNI.Remove(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(run)
	})
	until(t, "containerd serves", func() error { _, err := os.Stat(rt.Socket()); return err })
	return "unix://" + rt.Socket()
}

// TestRuntimeThatIsThereAlready brings a cluster up on a runtime that Kaji neither configured nor started, and takes it down
// without touching that runtime.
func TestRuntimeThatIsThereAlready(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	port, octet := slot(t)
	shape := &cluster.Config{Dir: "/none", BasePort: port}
	shape.SetDefaults()
	endpoint := startRuntime(t, shape.Registry()+"/"+cluster.PauseImage, octet)
	c := up(t, "--cri-endpoint="+endpoint, fmt.Sprintf("--base-port=%d", port))
	c.image("1")
	c.apply(c.webManifest())
	until(t, "3 replicas serve", func() error { return c.serves(3, "version 1") })
	c.kaji("down", "--dir="+c.cfg.Dir)
	if err := c.noSandboxes(); err != nil {
		t.Errorf("after down: %v", err)
	}
	c.kaji("up", "--dir="+c.cfg.Dir)
	until(t, "3 replicas serve again", func() error { return c.serves(3, "version 1") })
	pod := c.webPods()[0].Metadata.Name
	if out := c.kaji("exec", pod, "--", "/web", "version"); strings.TrimSpace(out) != "1" {
		t.Errorf("exec: %q", out)
	}
}
