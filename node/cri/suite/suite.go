// Package suite holds container runtimes, real and in memory, to what the node
// agent counts on. Call Run from a test with a runtime of your own.
package suite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// Runtime is what the agent uses of a runtime.
type Runtime interface {
	Version(ctx context.Context) (cri.Version, error)
	Health(ctx context.Context) (cri.Health, error)
	RunSandbox(ctx context.Context, cfg *containerconfig.Sandbox, handler string) (string, error)
	StopSandbox(ctx context.Context, id string) error
	RemoveSandbox(ctx context.Context, id string) error
	Sandbox(ctx context.Context, id string) (observed.Sandbox, error)
	Sandboxes(ctx context.Context, podUID string) ([]observed.Sandbox, error)
	CreateContainer(ctx context.Context, sandboxID string, cfg *containerconfig.Container, box *containerconfig.Sandbox) (string, error)
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, grace time.Duration) error
	RemoveContainer(ctx context.Context, id string) error
	Container(ctx context.Context, id string) (observed.Container, error)
	Containers(ctx context.Context, podUID string) ([]observed.Container, error)
	ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (stdout, stderr []byte, exit int32, err error)
	Exec(ctx context.Context, id string, command []string, s cri.Streams) error
	Attach(ctx context.Context, id string, s cri.Streams) error
	PortForward(ctx context.Context, sandboxID string, port uint16) (cri.Conn, error)
	Image(ctx context.Context, ref string) (*cri.Image, error)
	Pull(ctx context.Context, ref string, auth *cri.Auth) (string, error)
}

// Setup is what a runtime is tested with.
type Setup struct {
	// Client gives the runtime as a node's agent sees it.
	Client func(node string) Runtime
	// Image can be pulled and has sh in it; Missing cannot.
	Image, Missing string
	// LogRoot is a directory for logs.
	LogRoot string
}

const node = "suite"

type bench struct {
	*testing.T
	s Setup
	Runtime
	ctx context.Context
}

// Run tests a runtime.
func Run(t *testing.T, s Setup) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for name, test := range map[string]func(*bench){
		"says who and how it is":            who,
		"pulls images":                      images,
		"a sandbox's life":                  sandboxLife,
		"a container's life":                containerLife,
		"a container that ends by itself":   exits,
		"names are taken until removed":     names,
		"a sandbox takes its containers":    together,
		"agents see their own only":         apart,
		"what is not there is not found":    notThere,
		"a command that cannot be executed": cannotStart,
		"commands in containers":            execs,
		"commands with streams":             execStreams,
		"attaching to a process":            attaches,
		"attachments end":                   attachmentsEnd,
		"forwarding to a port":              forwards,
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{T: t, s: s, Runtime: s.Client(node), ctx: ctx}
			if _, err := b.Pull(ctx, s.Image, nil); err != nil {
				t.Fatal(err)
			}
			test(b)
		})
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) labels(uid, container string) map[string]string {
	return map[string]string{observed.LabelNode: node, observed.LabelPodUID: uid, observed.LabelPodName: "p-" + uid, observed.LabelPodNamespace: "suite", observed.LabelContainerName: container}
}

func (b *bench) box(uid string, attempt uint32) *containerconfig.Sandbox {
	return &containerconfig.Sandbox{
		Name: "p-" + uid, Namespace: "suite", UID: uid, Attempt: attempt, Hostname: "h", LogDirectory: b.s.LogRoot + "/" + uid, Labels: b.labels(uid, ""),
		Annotations: map[string]string{"a": "b"},
		Security:    containerconfig.SandboxSecurity{Namespaces: containerconfig.Namespaces{Network: containerconfig.NamespacePod, PID: containerconfig.NamespaceContainer, IPC: containerconfig.NamespacePod}},
	}
}

// sandbox runs a sandbox that goes with the test.
func (b *bench) sandbox(uid string) (string, *containerconfig.Sandbox) {
	b.Helper()
	cfg := b.box(uid, 0)
	id, err := b.RunSandbox(b.ctx, cfg, "")
	b.must(err)
	b.Cleanup(func() {
		_ = b.StopSandbox(b.ctx, id)
		_ = b.RemoveSandbox(b.ctx, id)
	})
	return id, cfg
}

const forever = `trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done`

// container makes a container, not yet started.
func (b *bench) container(id string, box *containerconfig.Sandbox, attempt uint32, script string) (string, error) {
	b.Helper()
	img, err := b.Image(b.ctx, b.s.Image)
	b.must(err)
	return b.CreateContainer(b.ctx, id, &containerconfig.Container{
		Name: "c", Attempt: attempt, Image: img.ID, ImageName: b.s.Image, Command: []string{"sh", "-c", script}, Labels: b.labels(box.UID, "c"),
		Annotations: map[string]string{"x": "y"}, LogPath: fmt.Sprintf("c-%d.log", attempt),
		Security: containerconfig.ContainerSecurity{Namespaces: box.Security.Namespaces},
	}, box)
}

func (b *bench) started(id string, box *containerconfig.Sandbox, script string) string {
	b.Helper()
	c, err := b.container(id, box, 0, script)
	b.must(err)
	b.must(b.StartContainer(b.ctx, c))
	return c
}

// awaitExit looks at a container until it has ended.
func (b *bench) awaitExit(id string) observed.Container {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := b.Container(b.ctx, id)
		b.must(err)
		if c.State == observed.Exited {
			return c
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.Fatalf("%s does not end: %+v", id, c)
		}
	}
}
