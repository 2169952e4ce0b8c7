package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"kaji.dev/kaji/deploy/supervise"
	"kaji.dev/kaji/node/cri"
)

// runtimeLimit is how long containerd may take to answer.
const runtimeLimit = 30 * time.Second

// revive starts the private containerd where it has died and nobody starts it again: its pods live on without it,
// with their network namespaces and rules, and only it knows them all. stop ends it again; it is not nil.
func (c *Config) revive(ctx context.Context) (stop func(), err error) {
	stop = func() {}
	ctr := c.Containerd()
	if c.CRIEndpoint != "" || supervise.Running(c.RunDir())[ContainerdName] != 0 || !exist(ctr.RunDir, ctr.ConfigFile()) {
		return stop, nil
	}
	path, args := ctr.Command()
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		return stop, fmt.Errorf("containerd is needed once more to remove its pods: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	stop = func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		select {
		case <-ended:
		case <-time.After(runtimeLimit):
			_ = cmd.Process.Kill()
			<-ended
		}
	}
	if err := c.awaitRuntime(ctx, ended); err != nil {
		return stop, fmt.Errorf("containerd is needed once more to remove its pods: %w", err)
	}
	return stop, nil
}

// awaitRuntime waits until the runtime answers, or until it has ended; ended may be nil.
func (c *Config) awaitRuntime(ctx context.Context, ended <-chan struct{}) error {
	rt, err := cri.Dial(c.Endpoint(), c.NodeNames()[0])
	if err != nil {
		return err
	}
	defer rt.Close()
	ctx, cancel := context.WithTimeout(ctx, runtimeLimit)
	defer cancel()
	for {
		if _, err = rt.Sandboxes(ctx, ""); err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("it has ended at once: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func exist(paths ...string) bool {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return false
		}
	}
	return true
}
