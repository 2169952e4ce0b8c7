package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/node/internal/runtimetest"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/relist"
)

// machine is the runtime that the tests of this package share; nil where there
// can be none.
var machine *runtimetest.Runtime

func TestMain(m *testing.M) {
	if err := runtimetest.Available(); err != nil {
		fmt.Println("tests with containers are left out:", err)
		os.Exit(m.Run())
	}
	var err error
	if machine, err = runtimetest.Start(1); err != nil {
		fmt.Println("no runtime:", err)
		if machine != nil {
			machine.Stop()
		}
		os.Exit(1)
	}
	code := m.Run()
	machine.Stop()
	os.Exit(code)
}

const patience = 60 * time.Second

// world is an API and agents on it.
type world struct {
	t      testing.TB
	api    *client.Client
	root   string
	node   string
	agent  *agent
	server *tls.Config
	fake   *fake.Server
	silent atomic.Bool // the API answers nobody
	files  func(identity.Request) identity.Files
	// configure changes the agent's configuration, if set.
	configure func(*Config)
}

func newWorld(t testing.TB, node string, objects ...*corev1.Pod) *world {
	t.Helper()
	if machine == nil {
		t.Skip("no container runtime")
	}
	w := &world{t: t, root: t.TempDir(), node: node}
	w.fake = fake.NewServer()
	w.fake.Intercept(func(context.Context, fake.Call) error {
		if w.silent.Load() {
			return apierror.Unavailable("no API today")
		}
		return nil
	})
	w.api = w.fake.Client()
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	w.files = func(r identity.Request) identity.Files {
		f := identity.FilesIn(filepath.Join(w.root, "pki"), strings.ReplaceAll(r.Name, ":", "-"))
		if err := f.Ensure(ca, r); err != nil {
			t.Fatal(err)
		}
		return f
	}
	own := w.files(identity.Request{Name: identity.NodeName(node), Groups: []string{identity.GroupNodes}, Hosts: []string{"127.0.0.1"}})
	if w.server, err = identity.ServerTLS(own); err != nil {
		t.Fatal(err)
	}
	for _, p := range objects {
		w.create(p)
	}
	return w
}

// start starts the agent; the function returned ends it.
func (w *world) start() func() {
	w.t.Helper()
	cfg := Config{Name: w.node, Root: filepath.Join(w.root, "node"), RuntimeEndpoint: machine.Socket, Address: "127.0.0.1:0", Addresses: []string{"127.0.0.1"}}
	if err := cfg.setDefaults(); err != nil {
		w.t.Fatal(err)
	}
	if w.configure != nil {
		w.configure(&cfg)
	}
	log := hclog.New(&hclog.LoggerOptions{Name: "node", Level: hclog.Trace, Output: testWriter{w.t}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	a := &agent{cfg: cfg, api: w.api, tls: w.server, log: log}
	w.agent = a
	go func() { done <- a.run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the agent ended: %v", err)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if testing.Verbose() {
		fmt.Print(string(b))
	}
	return len(b), nil
}

func (w *world) create(p *corev1.Pod) *corev1.Pod {
	w.t.Helper()
	p.Spec.NodeName = w.node
	made, err := client.Of[*corev1.Pod](w.api).Create(context.Background(), p)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// await watches a pod until it is as wanted; a nil pod is one that is gone.
func (w *world) await(name, what string, ok func(*corev1.Pod) bool) *corev1.Pod {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pods := client.Of[*corev1.Pod](w.api)
	var last *corev1.Pod
	watch, err := pods.Watch(ctx, "default", &metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		w.t.Fatal(err)
	}
	defer watch.Stop()
	if last, err = pods.Get(ctx, "default", name); err != nil {
		last = nil
	}
	for !ok(last) {
		e, err := watch.Recv()
		if err != nil {
			w.t.Fatalf("%s: not %s after %s: %v", name, what, patience, last.GetStatus())
		}
		last = e.Object
		if e.Type == metav1.EventType_EVENT_TYPE_DELETED {
			last = nil
		}
	}
	return last
}

func isRunning(p *corev1.Pod) bool {
	if p.GetStatus().GetPhase() != "Running" || p.GetStatus().GetPodIp() == "" {
		return false
	}
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "Ready" {
			return c.GetStatus() == "True"
		}
	}
	return false
}

func isGone(p *corev1.Pod) bool { return p == nil }

func (w *world) delete(name string, grace int64) {
	w.t.Helper()
	if err := client.Of[*corev1.Pod](w.api).Delete(context.Background(), "default", name, &metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
		w.t.Fatal(err)
	}
}

// pod is a pod with one container that runs a shell script.
func pod(name, script string, change ...func(*corev1.Pod)) *corev1.Pod {
	grace := int64(5)
	p := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: &corev1.PodSpec{
			RestartPolicy: "Always", TerminationGracePeriodSeconds: &grace, DnsPolicy: "Default",
			Containers: []*corev1.Container{{Name: "main", Image: machine.Image, Command: []string{"sh", "-c", script}, ImagePullPolicy: "IfNotPresent"}},
		},
		Status: &corev1.PodStatus{Phase: "Pending"},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// sleeper ends at once when told to.
const sleeper = `trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done`

// nothingLeft fails if the runtime or the disk has anything of the node's pods.
func (w *world) nothingLeft() {
	w.t.Helper()
	rt, err := machine.Client(w.node)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rt.Close()
	boxes, err := rt.Sandboxes(context.Background(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	containers, err := rt.Containers(context.Background(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	if len(boxes)+len(containers) > 0 {
		w.t.Errorf("the runtime still has %d sandboxes and %d containers", len(boxes), len(containers))
	}
	for _, dir := range []string{"pods", "logs/pods"} {
		entries, err := os.ReadDir(filepath.Join(w.root, "node", dir))
		if err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
		if len(entries) > 0 {
			w.t.Errorf("%s still has %v", dir, entries)
		}
	}
}

// awaitRuntime follows the runtime until what it has of the node is as wanted.
func (w *world) awaitRuntime(what string, ok func(map[string]observed.Pod) bool) {
	w.t.Helper()
	rt, err := machine.Client(w.node)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rt.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	changed := make(chan struct{}, 1)
	l := relist.New(rt, clock.RealClock{}, hclog.NewNullLogger(), func(observed.Pod, time.Time) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	go l.Run(ctx)
	if err := l.Once(ctx); err != nil {
		w.t.Fatal(err)
	}
	for !ok(l.All()) {
		select {
		case <-changed:
		case <-ctx.Done():
			w.t.Fatalf("the runtime is not %s after %s: %v", what, patience, l.All())
		}
	}
}

// call connects to the agent's server as somebody.
func (w *world) call(who string, groups ...string) agentv1.AgentServiceClient {
	w.t.Helper()
	nodes, err := client.Of[*corev1.Node](w.api).Get(context.Background(), "", w.node)
	if err != nil {
		w.t.Fatal(err)
	}
	creds, err := identity.ClientTLS(w.files(identity.Request{Name: who, Groups: groups}), "127.0.0.1")
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", nodes.GetStatus().GetDaemonEndpoints().GetKubeletEndpoint().GetPort()), grpc.WithTransportCredentials(credentials.NewTLS(creds)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return agentv1.NewAgentServiceClient(conn)
}

// logs asks the agent for a log, as the API server does.
func (w *world) logs(t *testing.T, req *corev1.PodLogsRequest) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := w.call(identity.APIServer).Logs(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatalf("after %q: %v", out.String(), err)
		}
		out.Write(m.GetData())
	}
}

// awaitDisk waits until the agent has tidied its directories.
func (w *world) awaitDisk() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, dir := range []string{"pods", "logs/pods"} {
		path := filepath.Join(w.root, "node", dir)
		watch, err := fsnotify.NewWatcher()
		if err != nil {
			w.t.Fatal(err)
		}
		defer watch.Close()
		if err := watch.Add(path); err != nil {
			w.t.Fatal(err)
		}
		for {
			entries, err := os.ReadDir(path)
			if err != nil {
				w.t.Fatal(err)
			}
			if len(entries) == 0 {
				break
			}
			select {
			case <-watch.Events:
			case <-ctx.Done():
				w.t.Fatalf("%s still has %v", dir, entries)
			}
		}
	}
}

func TestPodRunsAndGoes(t *testing.T) {
	w := newWorld(t, "runs")
	w.start()
	w.create(pod("web", sleeper))
	p := w.await("web", "running", isRunning)
	st := p.GetStatus().GetContainerStatuses()[0]
	if !st.GetReady() || !st.GetStarted() || st.GetRestartCount() != 0 || st.GetContainerId() == "" || st.GetImageId() == "" {
		t.Errorf("status %v", st)
	}
	w.delete("web", 5)
	w.await("web", "gone", isGone)
	w.nothingLeft()
}
