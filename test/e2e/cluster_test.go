package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/cluster"
)

// patience is how long anything may take on a busy machine. Tests wait for states, never for times.
const patience = 3 * time.Minute

var repo = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

const (
	firstSlot = 10000
	slots     = 22
)

// slot finds ports and a subnet that no other cluster of the machine uses: the base port, and the subnet's second octet.
func slot(t *testing.T) (basePort, octet int) {
	t.Helper()
	// Below the ports that the kernel gives to outgoing connections, from 32768 on: any of those may be taken.
	for n := range slots {
		basePort = firstSlot + 1000*((int(number.Add(1))+n)%slots)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", basePort+43))
		if err == nil {
			l.Close()
			return basePort, 150 + (basePort-firstSlot)/1000
		}
	}
	t.Fatal("no free ports")
	return 0, 0
}

// number tells clusters of one test run apart; runs at the same time begin at different ones.
var number = func() *atomic.Int32 {
	n := &atomic.Int32{}
	n.Store(int32(os.Getpid() % slots))
	return n
}()

// Cluster is a running cluster.
type Cluster struct {
	t   *testing.T
	cfg *cluster.Config
	env []string
}

// up starts a cluster with flags of `kaji up` and takes it down when the test ends.
func up(t *testing.T, flags ...string) *Cluster {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("end-to-end tests start containers and need root")
	}
	if _, err := os.Stat(filepath.Join(repo, "bin/kaji")); err != nil {
		t.Fatal("bin/kaji is not built: run go tool task e2e")
	}
	port, octet := slot(t)
	dir := filepath.Join(t.TempDir(), "kaji")
	c := &Cluster{t: t, env: append(os.Environ(), "KAJI_CONFIG="+filepath.Join(filepath.Dir(dir), "config"))}
	// What runs names the cluster's directory, or the one below /run that is derived from it.
	shape := &cluster.Config{Dir: dir}
	marks := []string{dir, shape.RunDir()}
	before := snapshot(t, marks...)
	t.Cleanup(func() {
		if t.Failed() {
			c.dump(dir)
		}
		// TempDir is removed afterwards; a purge would hide what a failing down leaves.
		out, err := c.try("down", "--dir="+dir, "--purge")
		if err != nil {
			t.Errorf("kaji down: %v\n%s", err, out)
		}
		before.compare(t, marks...)
	})
	args := append([]string{"up", "--dir=" + dir, fmt.Sprintf("--base-port=%d", port), fmt.Sprintf("--pod-subnet=10.%d.0.0/16", octet)}, flags...)
	c.kaji(args...)
	cfg, err := cluster.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.cfg = cfg
	return c
}

// kaji runs a command that must succeed and returns what it prints on standard output.
func (c *Cluster) kaji(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("kaji %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try runs a command. When it fails, the output has standard error too.
func (c *Cluster) try(args ...string) (string, error) { return c.tryIn("", args...) }

// tryIn is try with standard input.
func (c *Cluster) tryIn(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(repo, "bin/kaji"), args...)
	cmd.Env = c.env
	cmd.Dir = repo
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	ran(args, err)
	if err != nil {
		return out.String() + errOut.String(), err
	}
	return out.String(), nil
}

// exitCode is the exit status of a failed command.
func exitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}

// apply applies a manifest.
func (c *Cluster) apply(manifest string) string {
	c.t.Helper()
	out, err := c.tryIn(manifest, "apply", "-f", "-")
	if err != nil {
		c.t.Fatalf("kaji apply: %v\n%s", err, out)
	}
	return out
}

// image gives the example server to the cluster's registry and returns the image's name.
func (c *Cluster) image(version string) string {
	c.t.Helper()
	name := "examples/web:" + version
	c.kaji("image", "build", name, "bin/v"+version+"/web", "--shell", "--dir="+c.cfg.Dir)
	return c.cfg.Registry() + "/" + name
}

// webManifest is examples/web.yaml with this cluster's registry.
func (c *Cluster) webManifest() string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(repo, "examples/web.yaml"))
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "127.0.0.1:7480", c.cfg.Registry())
}

// client is a client with the administrator's rights.
func (c *Cluster) client() *client.Client {
	c.t.Helper()
	api, err := c.cfg.Client()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { api.Close() })
	return api
}

// until waits for something that the cluster brings about, and fails with the last reason why not.
func until(t *testing.T, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// get asks a pod over HTTP.
func get(url string) (string, error) {
	c := http.Client{Timeout: 5 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return string(b), err
}

// lines are the lines of an output without the last, empty one.
func lines(s string) []string {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// dump shows the ends of the logs of a cluster that failed a test.
func (c *Cluster) dump(dir string) {
	for _, args := range [][]string{{"get", "pods,replicasets,deployments,nodes", "-A", "-o", "wide"}, {"get", "events", "-A"}} {
		if out, err := c.try(args...); err == nil {
			c.t.Logf("kaji %s\n%s", strings.Join(args, " "), out)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if len(b) > 6000 {
			b = b[len(b)-6000:]
		}
		c.t.Logf("%s:\n%s", filepath.Base(f), b)
	}
}
