// Package fake is a container runtime in memory, for tests: the same calls, the
// same errors, no processes. The suite beside it holds it to what containerd does.
//
// It owns the rules of sandboxes and containers: names that are taken until they are
// removed, containers that end with their sandbox, stopping twice being no error. A
// container runs until it is told to end, unless its command says otherwise: "sh -c 'exit N'" ends
// at once with that code, "cat" and "nc -ll -p PORT -e cat" give back what they are sent. All methods may be called concurrently.
package fake

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// Runtime is the runtime in memory. Make it with New, and a Client per node.
type Runtime struct {
	mu         sync.Mutex
	serial     int
	sandboxes  map[string]*sandbox
	containers map[string]*container
	images     map[string]bool
	events     map[chan string]bool
	intercept  func(op, id string) error
	health     cri.Health
	calls      map[string]int
}

type sandbox struct {
	observed.Sandbox
	name   string
	labels map[string]string
}

type container struct {
	observed.Container
	name   string
	labels map[string]string
	config *containerconfig.Container
	ended  chan struct{} // closed when it has ended

	outs      sync.Mutex // may be held while output is written; taken alone
	listeners map[int]io.Writer
	heard     int // how many have listened
}

// New makes a runtime that can pull the images named.
func New(images ...string) *Runtime {
	r := &Runtime{sandboxes: map[string]*sandbox{}, containers: map[string]*container{}, images: map[string]bool{}, events: map[chan string]bool{}, calls: map[string]int{}}
	r.health.Runtime.OK, r.health.Network.OK = true, true
	for _, i := range images {
		r.images[i] = false
	}
	return r
}

// Intercept has f called before every operation, outside of locks; an error that
// it returns is the operation's. It may also wait.
func (r *Runtime) Intercept(f func(op, id string) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intercept = f
}

// SetHealth changes what the runtime says of itself.
func (r *Runtime) SetHealth(h cri.Health) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.health = h
}

// Calls is how often an operation was asked for.
func (r *Runtime) Calls(op string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[op]
}

// Exit makes a running container end by itself.
func (r *Runtime) Exit(id string, code int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.containers[id]; c != nil {
		r.exit(c, code)
	}
}

// KillSandbox makes a sandbox and all in it end, as when the machine boots.
func (r *Runtime) KillSandbox(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endSandbox(id)
}

func (r *Runtime) endSandbox(id string) {
	if b := r.sandboxes[id]; b != nil && b.Ready {
		b.Ready = false
		r.tell(b.PodUID)
	}
	for _, c := range r.containers {
		if c.SandboxID == id {
			r.exit(c, 137)
		}
	}
}

func (r *Runtime) exit(c *container, code int32) {
	if c.State != observed.Running {
		return
	}
	c.State, c.ExitCode, c.FinishedAt = observed.Exited, code, time.Now()
	close(c.ended)
	c.Reason = "Completed"
	if code != 0 {
		c.Reason = "Error"
	}
	r.tell(c.PodUID)
}

func (r *Runtime) tell(uid string) {
	for ch := range r.events {
		select {
		case ch <- uid:
		default: // a slow listener misses events, as it may
		}
	}
}

// Client is the runtime as one node's agent sees it.
func (r *Runtime) Client(node string) *Client { return &Client{r: r, node: node} }

// Client implements what cri.Client does.
type Client struct {
	r    *Runtime
	node string
	// NoEvents makes the runtime one without events.
	NoEvents bool
}

func (c *Client) enter(ctx context.Context, op, id string) error {
	c.r.mu.Lock()
	c.r.calls[op]++
	f := c.r.intercept
	c.r.mu.Unlock()
	if f != nil {
		if err := f(op, id); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return cri.NewError(op, id, codes.Canceled, ctx.Err().Error())
	}
	return nil
}

func missing(op, what, id string) error {
	return cri.NewError(op, id, codes.NotFound, fmt.Sprintf("%s %q not found", what, id))
}

// Version implements cri.Client.
func (c *Client) Version(ctx context.Context) (cri.Version, error) {
	if err := c.enter(ctx, "Version", ""); err != nil {
		return cri.Version{}, err
	}
	return cri.Version{Name: "fake", Version: "1"}, nil
}

// Health implements cri.Client.
func (c *Client) Health(ctx context.Context) (cri.Health, error) {
	if err := c.enter(ctx, "Status", ""); err != nil {
		return cri.Health{}, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	return c.r.health, nil
}

// Events implements cri.Client.
func (c *Client) Events(ctx context.Context, wake func(string)) error {
	if c.NoEvents {
		return cri.NewError("GetContainerEvents", "", codes.Unimplemented, "no events")
	}
	if err := c.enter(ctx, "GetContainerEvents", ""); err != nil {
		return err
	}
	ch := make(chan string, 1024)
	c.r.mu.Lock()
	c.r.events[ch] = true
	c.r.mu.Unlock()
	defer func() {
		c.r.mu.Lock()
		delete(c.r.events, ch)
		c.r.mu.Unlock()
	}()
	for {
		select {
		case uid := <-ch:
			wake(uid)
		case <-ctx.Done():
			return cri.NewError("GetContainerEvents", "", codes.Canceled, ctx.Err().Error())
		}
	}
}

// RunSandbox implements cri.Client.
func (c *Client) RunSandbox(ctx context.Context, cfg *containerconfig.Sandbox, handler string) (string, error) {
	const op = "RunPodSandbox"
	if err := c.enter(ctx, op, cfg.UID); err != nil {
		return "", err
	}
	r := c.r
	r.mu.Lock()
	defer r.mu.Unlock()
	name := fmt.Sprintf("%s_%s_%s_%d", cfg.Name, cfg.Namespace, cfg.UID, cfg.Attempt)
	for _, b := range r.sandboxes {
		if b.name == name {
			return "", cri.NewError(op, "", codes.Unknown, fmt.Sprintf("failed to reserve sandbox name %q: it is reserved for %q", name, b.ID))
		}
	}
	r.serial++
	b := &sandbox{name: name, labels: cfg.Labels, Sandbox: observed.Sandbox{
		ID: fmt.Sprint("sandbox-", r.serial), PodName: cfg.Name, PodNamespace: cfg.Namespace, PodUID: cfg.UID, Attempt: cfg.Attempt,
		Ready: true, CreatedAt: time.Now(), Annotations: cfg.Annotations, Handler: handler,
		IPs: []string{fmt.Sprintf("10.1.%d.%d", r.serial/250, r.serial%250+1)},
	}}
	if cfg.Security.Namespaces.Network == containerconfig.NamespaceNode {
		b.HostNetwork, b.IPs = true, nil
	}
	r.sandboxes[b.ID] = b
	r.tell(b.PodUID)
	return b.ID, nil
}

// StopSandbox implements cri.Client.
func (c *Client) StopSandbox(ctx context.Context, id string) error {
	if err := c.enter(ctx, "StopPodSandbox", id); err != nil {
		return err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.endSandbox(id)
	return nil
}

// RemoveSandbox implements cri.Client.
func (c *Client) RemoveSandbox(ctx context.Context, id string) error {
	if err := c.enter(ctx, "RemovePodSandbox", id); err != nil {
		return err
	}
	r := c.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endSandbox(id)
	for cid, v := range r.containers {
		if v.SandboxID == id {
			delete(r.containers, cid)
		}
	}
	if b := r.sandboxes[id]; b != nil {
		delete(r.sandboxes, id)
		r.tell(b.PodUID)
	}
	return nil
}

// Sandbox implements cri.Client.
func (c *Client) Sandbox(ctx context.Context, id string) (observed.Sandbox, error) {
	const op = "PodSandboxStatus"
	if err := c.enter(ctx, op, id); err != nil {
		return observed.Sandbox{}, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	b := c.r.sandboxes[id]
	if b == nil {
		return observed.Sandbox{}, missing(op, "sandbox", id)
	}
	out := b.Sandbox
	out.Inspected = true
	return out, nil
}

// Sandboxes implements cri.Client.
func (c *Client) Sandboxes(ctx context.Context, podUID string) ([]observed.Sandbox, error) {
	if err := c.enter(ctx, "ListPodSandbox", podUID); err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	out := []observed.Sandbox{}
	for _, b := range c.r.sandboxes {
		if !c.mine(b.labels, podUID) {
			continue
		}
		s := b.Sandbox
		s.IPs, s.HostNetwork = nil, false
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].CreatedAt.Before(out[j].CreatedAt) })
	return out, nil
}

func (c *Client) mine(labels map[string]string, podUID string) bool {
	return (c.node == "" || labels[observed.LabelNode] == c.node) && (podUID == "" || labels[observed.LabelPodUID] == podUID)
}

var exits = regexp.MustCompile(`^exit (\d+)$`)

// quickExit is the code with which a command ends at once.
func quickExit(command []string) (int32, bool) {
	if len(command) != 3 {
		return 0, false
	}
	m := exits.FindStringSubmatch(command[2])
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 32)
	return int32(n), err == nil
}
