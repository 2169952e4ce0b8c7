package fake

import (
	"context"
	"fmt"
	"sort"
	"time"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// CreateContainer implements cri.Client.
func (c *Client) CreateContainer(ctx context.Context, sandboxID string, cfg *containerconfig.Container, box *containerconfig.Sandbox) (string, error) {
	const op = "CreateContainer"
	if err := c.enter(ctx, op, cfg.Name); err != nil {
		return "", err
	}
	r := c.r
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.sandboxes[sandboxID]
	if b == nil {
		return "", missing(op, "sandbox", sandboxID)
	}
	if !r.images[cfg.Image] {
		return "", cri.NewError(op, "", codes.NotFound, fmt.Sprintf("image %q not found", cfg.Image))
	}
	name := fmt.Sprintf("%s_%s_%s_%s_%d", cfg.Name, box.Name, box.Namespace, box.UID, cfg.Attempt)
	for _, v := range r.containers {
		if v.name == name {
			return "", cri.NewError(op, "", codes.Unknown, fmt.Sprintf("failed to reserve container name %q: it is reserved for %q", name, v.ID))
		}
	}
	r.serial++
	v := &container{name: name, labels: cfg.Labels, config: cfg, ended: make(chan struct{}), Container: observed.Container{
		ID: fmt.Sprint("container-", r.serial), SandboxID: sandboxID, Name: cfg.Name, Attempt: cfg.Attempt,
		PodName: b.PodName, PodNamespace: b.PodNamespace, PodUID: b.PodUID,
		State: observed.Created, CreatedAt: time.Now(), Annotations: cfg.Annotations,
		Image: cfg.ImageName, ImageID: cfg.Image, LogPath: box.LogDirectory + "/" + cfg.LogPath,
	}}
	r.containers[v.ID] = v
	r.tell(v.PodUID)
	return v.ID, nil
}

// StartContainer implements cri.Client.
func (c *Client) StartContainer(ctx context.Context, id string) error {
	const op = "StartContainer"
	if err := c.enter(ctx, op, id); err != nil {
		return err
	}
	r := c.r
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.containers[id]
	if v == nil {
		return missing(op, "container", id)
	}
	if v.State != observed.Created {
		return cri.NewError(op, id, codes.Unknown, "container is in state "+v.State.String())
	}
	if b := r.sandboxes[v.SandboxID]; b == nil || !b.Ready {
		return cri.NewError(op, id, codes.Unknown, "its sandbox is not running")
	}
	v.State, v.StartedAt = observed.Running, time.Now()
	if len(v.config.Command) > 0 && v.config.Command[0] == "/none" {
		r.exit(v, 128)
		v.Reason = "StartError"
		return cri.NewError(op, id, codes.Unknown, `exec: "/none": no such file or directory`)
	}
	r.tell(v.PodUID)
	if code, ok := quickExit(v.config.Command); ok {
		r.exit(v, code)
	}
	return nil
}

// StopContainer implements cri.Client. Every program here ends at once, with 143
// (or 137 without a grace period).
func (c *Client) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	if err := c.enter(ctx, "StopContainer", id); err != nil {
		return err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if v := c.r.containers[id]; v != nil {
		code := int32(143)
		if grace <= 0 {
			code = 137
		}
		c.r.exit(v, code)
	}
	return nil
}

// UpdateContainer implements cri.Client.
func (c *Client) UpdateContainer(ctx context.Context, id string, to *containerconfig.Resources) error {
	const op = "UpdateContainerResources"
	if err := c.enter(ctx, op, id); err != nil {
		return err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	v := c.r.containers[id]
	if v == nil {
		return missing(op, "container", id)
	}
	if v.State != observed.Running {
		return cri.NewError(op, id, codes.Unknown, "container is in state "+v.State.String())
	}
	is := v.config.Resources
	for _, f := range []struct {
		is *int64
		to int64
	}{{&is.CPUShares, to.CPUShares}, {&is.CPUQuota, to.CPUQuota}, {&is.CPUPeriod, to.CPUPeriod}, {&is.MemoryLimit, to.MemoryLimit}} {
		if f.to != 0 {
			*f.is = f.to
		}
	}
	next := *v.config
	next.Resources = is
	v.config = &next
	return nil
}

// Resources is what a container runs with.
func (r *Runtime) Resources(id string) containerconfig.Resources {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v := r.containers[id]; v != nil {
		return v.config.Resources
	}
	return containerconfig.Resources{}
}

// RemoveContainer implements cri.Client.
func (c *Client) RemoveContainer(ctx context.Context, id string) error {
	if err := c.enter(ctx, "RemoveContainer", id); err != nil {
		return err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if v := c.r.containers[id]; v != nil {
		c.r.exit(v, 137)
		delete(c.r.containers, id)
		c.r.tell(v.PodUID)
	}
	return nil
}

// Container implements cri.Client.
func (c *Client) Container(ctx context.Context, id string) (observed.Container, error) {
	const op = "ContainerStatus"
	if err := c.enter(ctx, op, id); err != nil {
		return observed.Container{}, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	v := c.r.containers[id]
	if v == nil {
		return observed.Container{}, missing(op, "container", id)
	}
	out := v.Container
	out.Inspected, out.SandboxID = true, ""
	return out, nil
}

// Containers implements cri.Client.
func (c *Client) Containers(ctx context.Context, podUID string) ([]observed.Container, error) {
	if err := c.enter(ctx, "ListContainers", podUID); err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	out := []observed.Container{}
	for _, v := range c.r.containers {
		if !c.mine(v.labels, podUID) {
			continue
		}
		s := v.Container
		s.StartedAt, s.FinishedAt, s.ExitCode, s.Reason, s.LogPath = time.Time{}, time.Time{}, 0, "", ""
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].CreatedAt.Before(out[j].CreatedAt) })
	return out, nil
}

// ReopenLog implements cri.Client.
func (c *Client) ReopenLog(ctx context.Context, id string) error {
	return c.enter(ctx, "ReopenContainerLog", id)
}

// ExecSync implements cri.Client: "sh -c 'exit N'" ends with that code, all else
// with 0.
func (c *Client) ExecSync(ctx context.Context, id string, command []string, _ time.Duration) (stdout, stderr []byte, exit int32, err error) {
	const op = "ExecSync"
	if err := c.enter(ctx, op, id); err != nil {
		return nil, nil, 0, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	v := c.r.containers[id]
	if v == nil {
		return nil, nil, 0, missing(op, "container", id)
	}
	if v.State != observed.Running {
		return nil, nil, 0, cri.NewError(op, id, codes.Unknown, "container is in state "+v.State.String())
	}
	code, _ := quickExit(command)
	return nil, nil, code, nil
}

// Image implements cri.Client.
func (c *Client) Image(ctx context.Context, ref string) (*cri.Image, error) {
	if err := c.enter(ctx, "ImageStatus", ref); err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if !c.r.images[ref] {
		return nil, nil
	}
	return &cri.Image{ID: ref, Tags: []string{ref}, Size: 1}, nil
}

// Images implements cri.Client.
func (c *Client) Images(ctx context.Context) ([]cri.Image, error) {
	if err := c.enter(ctx, "ListImages", ""); err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	var out []cri.Image
	for ref, here := range c.r.images {
		if here {
			out = append(out, cri.Image{ID: ref, Tags: []string{ref}, Size: 1})
		}
	}
	return out, nil
}

// Pull implements cri.Client.
func (c *Client) Pull(ctx context.Context, ref string, _ *cri.Auth) (string, error) {
	const op = "PullImage"
	if err := c.enter(ctx, op, ref); err != nil {
		return "", err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if _, known := c.r.images[ref]; !known {
		return "", cri.NewError(op, ref, codes.NotFound, ref+": not found")
	}
	c.r.images[ref] = true
	return ref, nil
}
