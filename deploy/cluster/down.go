package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"kaji.dev/kaji/deploy/supervise"
	"kaji.dev/kaji/node/cri"
)

// Down stops the services, removes every pod of the cluster's nodes from the runtime, stops the private runtime,
// and takes the network and all mounts away. The store stays, so that Up brings the same cluster back;
// with purge nothing stays.
func (c *Config) Down(ctx context.Context, purge bool, progress func(string)) error {
	progress("stopping the services")
	if err := supervise.Stop(c.RunDir(), time.Minute, ContainerdName); err != nil {
		return err
	}
	progress("removing the pods")
	if err := c.removePods(ctx); err != nil {
		return fmt.Errorf("some pods could not be removed: %w", err)
	}
	if c.CRIEndpoint == "" {
		progress("stopping containerd")
		if err := supervise.Stop(c.RunDir(), time.Minute); err != nil {
			return err
		}
		if err := c.Network().Remove(); err != nil {
			return err
		}
	}
	if err := errors.Join(unmountBelow(c.Dir), unmountBelow(c.RunDir())); err != nil {
		return err
	}
	if err := os.RemoveAll(c.RunDir()); err != nil {
		return err
	}
	if purge {
		progress("removing " + c.Dir)
		return os.RemoveAll(c.Dir)
	}
	return nil
}

// removePods stops and removes the sandboxes of all nodes.
func (c *Config) removePods(ctx context.Context) error {
	stop, err := c.revive(ctx)
	defer stop()
	if err != nil {
		return err
	}
	if !exist(strings.TrimPrefix(c.Endpoint(), "unix://")) {
		return nil
	}
	for _, node := range c.allNodes() {
		if err := removeNodePods(ctx, c.Endpoint(), node); err != nil {
			return err
		}
	}
	return nil
}

// allNodes are the nodes of now and those of earlier configurations.
func (c *Config) allNodes() []string {
	names := c.NodeNames()
	dirs, _ := os.ReadDir(filepath.Join(c.Dir, "nodes"))
	for _, d := range dirs {
		if !slices.Contains(names, d.Name()) {
			names = append(names, d.Name())
		}
	}
	return names
}

func removeNodePods(ctx context.Context, endpoint, node string) error {
	rt, err := cri.Dial(endpoint, node)
	if err != nil {
		return err
	}
	defer rt.Close()
	boxes, err := rt.Sandboxes(ctx, "")
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(8)
	for _, b := range boxes {
		g.Go(func() error {
			if err := rt.StopSandbox(ctx, b.ID); err != nil && !cri.IsNotFound(err) {
				return err
			}
			if err := rt.RemoveSandbox(ctx, b.ID); err != nil && !cri.IsNotFound(err) {
				return err
			}
			return nil
		})
	}
	return g.Wait()
}

// unmountBelow detaches what is still mounted in a directory, the deepest first.
func unmountBelow(dir string) error {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
			points = append(points, f[4])
		}
	}
	slices.SortFunc(points, func(a, b string) int { return len(b) - len(a) })
	var errs []error
	for _, p := range points {
		if err := unix.Unmount(p, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			errs = append(errs, fmt.Errorf("unmount %s: %w", p, err))
		}
	}
	return errors.Join(errs...)
}
