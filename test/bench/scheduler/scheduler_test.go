package scheduler

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/scheduler"
)

// writers is how many pods are created at once.
const writers = 16

// cluster is an API server with nodes, a scheduler on it, and a client that watches the pods.
type cluster struct {
	tb    testing.TB
	api   *client.Client
	mu    sync.Mutex
	bound map[string]string // node by pod
	news  chan struct{}
}

func start(tb testing.TB, nodes int) *cluster {
	server := apitest.Start(tb, nil)
	c := &cluster{tb: tb, api: server.Client(), bound: map[string]string{}, news: make(chan struct{}, 1)}
	c.create(nodes, func(i int) error {
		_, err := client.Of[*corev1.Node](c.api).Create(tb.Context(), node(i))
		return err
	})
	if _, err := client.Of[*corev1.Namespace](c.api).Create(tb.Context(), &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "bench"}}); err != nil {
		tb.Fatal(err)
	}
	files, err := identity.NewReloader(server.Files(identity.Identity{Name: identity.Scheduler, Groups: []string{identity.GroupComponents}}, "127.0.0.1"))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		err := scheduler.Run(ctx, scheduler.Config{
			Address: "127.0.0.1:0", TLS: files.Server(), ClientTLS: files.Client(""), Endpoints: []string{server.Address}, Seed: 1,
		}, hclog.NewNullLogger())
		if err != nil {
			tb.Errorf("the scheduler ended with %v", err)
		}
	})
	pods := client.NewInformer(client.Of[*corev1.Pod](c.api), client.InformerOptions{Namespace: "bench"})
	pods.AddHandler(client.Handler[*corev1.Pod]{OnAdd: c.note, OnUpdate: func(_, p *corev1.Pod) { c.note(p) }})
	running.Go(func() { _ = pods.Run(ctx) })
	tb.Cleanup(func() {
		cancel()
		running.Wait()
	})
	c.pods("warm", 1)
	c.await(1)
	return c
}

func (c *cluster) note(p *corev1.Pod) {
	if p.GetSpec().GetNodeName() == "" {
		return
	}
	c.mu.Lock()
	c.bound[p.GetMetadata().GetName()] = p.GetSpec().GetNodeName()
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// await waits until so many pods are bound.
func (c *cluster) await(n int) {
	c.tb.Helper()
	timeout := time.NewTimer(2 * time.Minute)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		have := len(c.bound)
		c.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-c.news:
		case <-timeout.C:
			c.tb.Fatalf("%d of %d pods are bound", have, n)
		}
	}
}

func (c *cluster) pods(prefix string, n int) {
	c.tb.Helper()
	c.create(n, func(i int) error {
		_, err := client.Of[*corev1.Pod](c.api).Create(c.tb.Context(), pod(fmt.Sprintf("%s-%d", prefix, i)))
		return err
	})
}

func (c *cluster) create(n int, one func(i int) error) {
	c.tb.Helper()
	var g errgroup.Group
	g.SetLimit(writers)
	for i := range n {
		g.Go(func() error { return one(i) })
	}
	if err := g.Wait(); err != nil {
		c.tb.Fatal(err)
	}
}

func quantities(pairs ...string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = &metav1.Quantity{String_: pairs[i+1]}
	}
	return out
}

// node is upstream's node-default.yaml: 4 cores, 32 GiB, 110 pods.
func node(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	room := quantities("cpu", "4", "memory", "32Gi", "pods", "110")
	return &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
		Status: &corev1.NodeStatus{Capacity: room, Allocatable: room,
			Conditions: []*corev1.NodeCondition{{Type: "Ready", Status: "True"}}},
	}
}

// pod is upstream's pod-default.yaml: 100m, 500Mi.
func pod(name string) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: name, Namespace: "bench"},
		Spec: &corev1.PodSpec{Containers: []*corev1.Container{{
			Name: "pause", Image: "registry.k8s.io/pause:3.10", Ports: []*corev1.ContainerPort{{ContainerPort: 80}},
			Resources: &corev1.ResourceRequirements{Requests: quantities("cpu", "100m", "memory", "500Mi"), Limits: quantities("cpu", "100m", "memory", "500Mi")},
		}}},
	}
}

// TestSchedulesThroughTheAPIServer runs the benchmark's cluster once, small, and looks at where the pods went.
func TestSchedulesThroughTheAPIServer(t *testing.T) {
	c := start(t, 5)
	c.pods("p", 100)
	c.await(101)
	on := map[string]int{}
	for _, n := range c.bound {
		on[n]++
	}
	for n, count := range on {
		if count > 40 { // 4 cores of 100m each
			t.Errorf("%d pods on %s, which has room for 40", count, n)
		}
	}
	if len(on) != 5 {
		t.Errorf("pods went to %v, want all five nodes used", on)
	}
}

// BenchmarkScheduling creates 1,000 pods and waits until they are bound. cpu-µs/pod is that of the whole process.
func BenchmarkScheduling(b *testing.B) {
	const count = 1000
	for _, nodes := range []int{500, 5000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			c := start(b, nodes)
			var wall, cpu time.Duration
			round := 0
			for b.Loop() {
				began, used := time.Now(), cpuTime(b)
				c.pods(fmt.Sprint("r", round), count)
				round++
				c.await(1 + round*count)
				wall, cpu = wall+time.Since(began), cpu+cpuTime(b)-used
			}
			pods := float64(round * count)
			b.ReportMetric(pods/wall.Seconds(), "pods/s")
			b.ReportMetric(float64(cpu.Microseconds())/pods, "cpu-µs/pod")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
