package scheduler

import (
	"context"
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/scheduler"
)

// proxy passes connections on to wherever the API server is now, and cuts them all when told to: calls under way lose their answers.
type proxy struct {
	listener net.Listener
	mu       sync.Mutex
	target   string
	open     map[net.Conn]struct{}
	running  sync.WaitGroup
}

func newProxy(t *testing.T) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, open: map[net.Conn]struct{}{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut("")
		p.running.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			in.Close()
			p.mu.Unlock()
			continue
		}
		p.open[in], p.open[out] = struct{}{}, struct{}{}
		p.mu.Unlock()
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			p.running.Go(func() {
				copyUntilClosed(pair[0], pair[1])
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}

func copyUntilClosed(dst, src net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			if _, err := dst.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut ends all connections; new ones go to the target.
func (p *proxy) cut(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
}

// TestAPIServerComesAndGoes schedules while connections are cut and lead to another API server, all on one store: every pod gets a node, no node more than it has room for, and
// no pod changes its node once it has one.
func TestAPIServerComesAndGoes(t *testing.T) {
	const nodes, pods, perNode = 10, 300, 40
	store := raftstore.NewMemory()
	direct := apitest.Start(t, func(c *apiserver.Config) { c.Store = store })
	other := apitest.Start(t, func(c *apiserver.Config) {
		c.Store, c.CADir = store, direct.Dir
		c.TLS = direct.Files(identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupComponents}}, "127.0.0.1")
	})
	api := direct.Client()
	p := newProxy(t)
	p.cut(direct.Address)
	for i := range nodes {
		room := map[string]*metav1.Quantity{"cpu": {String_: "4"}, "memory": {String_: "32Gi"}, "pods": {String_: "110"}}
		node := &corev1.Node{Metadata: &metav1.ObjectMeta{Name: fmt.Sprint("n", i)}, Status: &corev1.NodeStatus{Capacity: room, Allocatable: room}}
		if _, err := client.Of[*corev1.Node](api).Create(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Of[*corev1.Namespace](api).Create(t.Context(), &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "faults"}}); err != nil && !apierror.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	watch := follow(t, api)
	run(t, direct, p.listener.Addr().String())
	for i := range pods {
		pod := &corev1.Pod{
			Metadata: &metav1.ObjectMeta{Namespace: "faults", Name: fmt.Sprint("p", i)},
			Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "web:1", Resources: &corev1.ResourceRequirements{
				Requests: map[string]*metav1.Quantity{"cpu": {String_: "100m"}},
			}}}},
		}
		if _, err := client.Of[*corev1.Pod](api).Create(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		switch i % 80 {
		case 20:
			p.cut(other.Address)
		case 60:
			p.cut(direct.Address)
		}
	}
	count := map[string]int{}
	for _, node := range watch.await(t, pods) {
		count[node]++
	}
	for node, n := range count {
		if n > perNode {
			t.Errorf("%d pods on %s, which has room for %d", n, node, perNode)
		}
	}
}

// run runs a scheduler that reaches the API at an address.
func run(t *testing.T, server *apitest.Server, endpoint string) {
	files, err := identity.NewReloader(server.Files(identity.Identity{Name: identity.Scheduler, Groups: []string{identity.GroupComponents}}, "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- scheduler.Run(ctx, scheduler.Config{
			Address: "127.0.0.1:0", TLS: files.Server(), ClientTLS: files.Client(""), Endpoints: []string{endpoint}, Seed: 1,
		}, hclog.NewNullLogger())
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the scheduler ended with %v", err)
		}
	})
}

// watched is which node each pod was seen on.
type watched struct {
	mu    sync.Mutex
	nodes map[string]string
	moved []string
	news  chan struct{}
}

func follow(t *testing.T, api *client.Client) *watched {
	w := &watched{nodes: map[string]string{}, news: make(chan struct{}, 1)}
	pods := client.NewInformer(client.Of[*corev1.Pod](api), client.InformerOptions{Namespace: "faults"})
	pods.AddHandler(client.Handler[*corev1.Pod]{OnAdd: w.note, OnUpdate: func(_, p *corev1.Pod) { w.note(p) }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pods.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

func (w *watched) note(p *corev1.Pod) {
	node, name := p.GetSpec().GetNodeName(), p.GetMetadata().GetName()
	if node == "" {
		return
	}
	w.mu.Lock()
	if before := w.nodes[name]; before != "" && before != node {
		w.moved = append(w.moved, name)
	}
	w.nodes[name] = node
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// await waits until so many pods have a node, and returns the node of each.
func (w *watched) await(t *testing.T, n int) map[string]string {
	t.Helper()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for {
		w.mu.Lock()
		have, moved := maps.Clone(w.nodes), w.moved
		w.mu.Unlock()
		if len(moved) > 0 {
			t.Fatalf("pods changed their nodes: %v", moved)
		}
		if len(have) == n {
			return have
		}
		select {
		case <-w.news:
		case <-timeout.C:
			t.Fatalf("%d of %d pods have a node", len(have), n)
		}
	}
}
