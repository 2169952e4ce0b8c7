package server

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"kaji.dev/kaji/apierror"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri/fake"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
)

const patience = 30 * time.Second

// world is an agent's server over a runtime in memory, without TLS.
type world struct {
	t       *testing.T
	ctx     context.Context
	runtime *fake.Runtime
	client  *fake.Client
	server  *Server
	agent   agentv1.AgentServiceClient
	stop    context.CancelFunc // begins to stop the agent

	specs     map[string]*corev1.Pod
	sandboxes map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, runtime: fake.New("image"), specs: map[string]*corev1.Pod{}, sandboxes: map[string]string{}}
	w.client = w.runtime.Client("n1")
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	serving, stop := context.WithCancel(context.Background())
	w.stop = stop
	t.Cleanup(stop)
	w.server = New(serving, w, w.client, nil)
	listener := bufconn.Listen(1 << 20)
	srv := grpc.NewServer(grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		return apierror.ToStatus(next(srv, ss))
	}))
	agentv1.RegisterAgentServiceServer(srv, w.server)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///agent", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Stop()
		<-done
	})
	w.agent = agentv1.NewAgentServiceClient(conn)
	return w
}

// Find implements Pods.
func (w *world) Find(namespace, name, uid string) (pods.Snapshot, bool) {
	p := w.specs[name]
	if p == nil || namespace != "default" || uid != "" && uid != p.GetMetadata().GetUid() {
		return pods.Snapshot{}, false
	}
	id := p.GetMetadata().GetUid()
	boxes, err := w.client.Sandboxes(w.ctx, id)
	if err != nil {
		w.t.Error(err)
	}
	containers, err := w.client.Containers(w.ctx, id)
	if err != nil {
		w.t.Error(err)
	}
	return pods.Snapshot{Pod: p, Status: &corev1.PodStatus{Phase: "Running"}, Seen: observed.Group(boxes, containers)[id]}, true
}

// Pods implements Pods.
func (w *world) Pods() []pods.Info { return nil }

// run runs a pod of one container, and returns the container's id.
func (w *world) run(name string, c *corev1.Container) string {
	w.t.Helper()
	if c.Name == "" {
		c.Name = "main"
	}
	uid := "uid-" + name
	w.specs[name] = &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Uid: uid}, Spec: &corev1.PodSpec{Containers: []*corev1.Container{c}}}
	labels := map[string]string{observed.LabelNode: "n1", observed.LabelPodUID: uid}
	box := &containerconfig.Sandbox{Name: name, Namespace: "default", UID: uid, Labels: labels}
	if _, err := w.client.Pull(w.ctx, "image", nil); err != nil {
		w.t.Fatal(err)
	}
	id, err := w.client.RunSandbox(w.ctx, box, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.sandboxes[name] = id
	cid, err := w.client.CreateContainer(w.ctx, id, &containerconfig.Container{
		Name: c.GetName(), Image: "image", Command: c.GetCommand(), Labels: labels, Stdin: c.GetStdin(), StdinOnce: c.GetStdinOnce(), TTY: c.GetTty(),
	}, box)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.client.StartContainer(w.ctx, cid); err != nil {
		w.t.Fatal(err)
	}
	return cid
}
