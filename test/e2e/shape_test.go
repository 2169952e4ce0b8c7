package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/deploy/supervise"
)

// TestThreeMembersThreeNodesTogether runs all services in one process, three store members and three agents among them.
func TestThreeMembersThreeNodesTogether(t *testing.T) {
	c := up(t, "--members=3", "--nodes=3")
	if out := c.kaji("get", "nodes", "--no-headers"); strings.Count(out, " Ready ") != 3 {
		t.Errorf("nodes:\n%s", out)
	}
	c.image("1")
	c.apply(strings.ReplaceAll(c.webManifest(), "replicas: 3", "replicas: 6"))
	until(t, "6 replicas serve", func() error { return c.serves(6, "hello") })
	used := map[string]int{}
	for _, p := range c.webPods() {
		used[p.Spec.NodeName]++
	}
	if len(used) != 3 {
		t.Errorf("pods per node: %v, want some on each of 3", used)
	}
	c.kaji("delete", "deployment", "web")
	until(t, "no container is left", c.noSandboxes)
}

// TestUpAgainAndDown: a second up changes nothing, down and up bring the same cluster back.
func TestUpAgainAndDown(t *testing.T) {
	c := up(t)
	c.image("1")
	c.apply(c.webManifest())
	until(t, "3 replicas serve", func() error { return c.serves(3, "hello") })
	running := supervise.Running(c.cfg.RunDir())
	containers, err := c.containers()
	if err != nil {
		t.Fatal(err)
	}
	c.kaji("up", "--dir="+c.cfg.Dir)
	if now := supervise.Running(c.cfg.RunDir()); fmt.Sprint(now) != fmt.Sprint(running) {
		t.Errorf("a second up restarted processes: %v, were %v", now, running)
	}
	now, err := c.containers()
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(now) != fmt.Sprint(containers) {
		t.Errorf("a second up changed containers: %v, were %v", now, containers)
	}
	c.kaji("down", "--dir="+c.cfg.Dir)
	if left := supervise.Running(c.cfg.RunDir()); len(left) != 0 {
		t.Errorf("running after down: %v", left)
	}
	c.kaji("up", "--dir="+c.cfg.Dir)
	until(t, "the Deployment serves again", func() error { return c.serves(3, "hello") })
}

// TestJoin lets an agent in by a token, as on a machine of its own.
func TestJoin(t *testing.T) {
	c := up(t)
	token := strings.TrimSpace(c.kaji("token", "create"))
	dir := filepath.Join(t.TempDir(), "joined")
	join := func(token, name string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(repo, "bin/kaji"), "node", "join", c.cfg.APIServer(), "--token="+token, "--name="+name, "--dir="+dir,
			"--listen=127.0.0.1:0", "--address=127.0.0.1", "--cri-endpoint="+c.cfg.Endpoint())
		cmd.Env = c.env
		cmd.Dir = repo
		return cmd
	}
	if out, err := join(token[:len(token)-4]+"beef", "stranger").CombinedOutput(); err == nil {
		t.Errorf("a token that pins another CA was accepted:\n%s", out)
	}
	parts := strings.Split(token, ".")
	if out, err := join(parts[0]+".0000000000000000."+parts[len(parts)-1], "stranger").CombinedOutput(); err == nil {
		t.Errorf("a wrong secret was accepted:\n%s", out)
	}
	cmd := join(token, "joined-1")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ran(cmd.Args[1:], nil) // whether it joins is seen below
	made := filepath.Join(t.TempDir(), "made")
	c.kaji("init", "--dir="+made, "--nodes=3")
	if _, err := os.Stat(filepath.Join(made, "pki", "ca.crt")); err != nil {
		t.Errorf("kaji init makes no CA: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	until(t, "the joined node is Ready", func() error {
		out, err := c.try("get", "node", "joined-1", "--no-headers")
		if err == nil && !strings.Contains(out, " Ready ") {
			err = fmt.Errorf("%s", out)
		}
		if err != nil {
			b, _ := os.ReadFile(log.Name())
			err = fmt.Errorf("%w\n%s", err, b)
		}
		return err
	})
	if out := c.kaji("get", "secrets", "-n", "kaji-system", "-o", "yaml"); strings.Contains(out, parts[1]) {
		t.Error("the token's secret is stored in clear")
	}
	c.kaji("delete", "node", "joined-1", "--wait=false")
}
