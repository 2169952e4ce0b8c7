package scheduler

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// harness is an API in memory with a scheduler on it, in one process.
type harness struct {
	t      testing.TB
	server *fake.Server
	conn   grpc.ClientConnInterface // what the scheduler calls through
	client *client.Client           // what the test calls through
	pods   *client.Informer[*corev1.Pod]
	events *client.Informer[*corev1.Event]
	news   chan struct{}
}

func newHarness(t testing.TB, objects ...kind.Object) *harness {
	h := &harness{t: t, server: fake.NewServer(objects...), news: make(chan struct{}, 1)}
	h.conn, h.client = h.server, h.server.Client()
	h.pods = client.NewInformer(client.Of[*corev1.Pod](h.client), client.InformerOptions{})
	h.events = client.NewInformer(client.Of[*corev1.Event](h.client), client.InformerOptions{})
	h.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd: func(*corev1.Pod) { h.poke() }, OnUpdate: func(_, _ *corev1.Pod) { h.poke() }, OnDelete: func(*corev1.Pod) { h.poke() },
	})
	h.events.AddHandler(client.Handler[*corev1.Event]{
		OnAdd: func(*corev1.Event) { h.poke() }, OnUpdate: func(_, _ *corev1.Event) { h.poke() },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = h.pods.Run(ctx) })
	running.Go(func() { _ = h.events.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return h
}

func (h *harness) poke() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// await waits until a condition about pods or events holds; it is looked at after each change.
func (h *harness) await(what string, holds func() bool) {
	h.t.Helper()
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	for !holds() {
		select {
		case <-h.news:
		case <-timeout.C:
			h.t.Fatalf("timed out waiting: %s", what)
		}
	}
}

// start runs a scheduler that leads until stop is called.
func (h *harness) start() (s *Scheduler, stop func()) {
	h.t.Helper()
	log := hclog.NewNullLogger()
	s, err := newScheduler(client.New(h.conn), Config{SchedulerName: DefaultSchedulerName, Seed: 1}, log)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.follow(ctx) })
	running.Go(func() { _ = s.events.Run(ctx) })
	if err := s.waitSynced(ctx); err != nil {
		h.t.Fatal(err)
	}
	running.Go(func() { _ = s.lead(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	h.t.Cleanup(stop)
	return s, stop
}

func (h *harness) create(pods ...*corev1.Pod) {
	h.t.Helper()
	for _, p := range pods {
		p.Metadata.Uid = ""
		if _, err := client.Of[*corev1.Pod](h.client).Create(context.Background(), p); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *harness) addNode(n *corev1.Node) {
	h.t.Helper()
	if _, err := client.Of[*corev1.Node](h.client).Create(context.Background(), n); err != nil {
		h.t.Fatal(err)
	}
	if _, err := client.Of[*corev1.Node](h.client).Get(context.Background(), "", n.Metadata.Name); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) pod(name string) *corev1.Pod {
	p, _ := h.pods.Get("default", name)
	return p
}

func (h *harness) bound() int {
	n := 0
	for _, p := range h.pods.List("", nil) {
		if p.GetSpec().GetNodeName() != "" {
			n++
		}
	}
	return n
}

// event finds an event about a pod.
func (h *harness) event(pod, reason string) *corev1.Event {
	for _, e := range h.events.List("", nil) {
		if e.GetInvolvedObject().GetName() == pod && e.GetReason() == reason {
			return e
		}
	}
	return nil
}

// condition returns the pod's PodScheduled condition.
func (h *harness) condition(name string) *corev1.PodCondition {
	for _, c := range h.pod(name).GetStatus().GetConditions() {
		if c.GetType() == "PodScheduled" {
			return c
		}
	}
	return nil
}

// checkRoom fails when any node holds more than it has room for.
func (h *harness) checkRoom() {
	h.t.Helper()
	used := map[string]*framework.Resources{}
	count := map[string]int64{}
	for _, p := range h.pods.List("", nil) {
		node := p.GetSpec().GetNodeName()
		if node == "" {
			continue
		}
		if used[node] == nil {
			used[node] = &framework.Resources{}
		}
		r, _ := framework.PodRequests(p)
		used[node].Add(&r)
		count[node]++
	}
	nodes, _, err := client.Of[*corev1.Node](h.client).List(context.Background(), "", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, n := range nodes {
		name, room := n.GetMetadata().GetName(), framework.ResourcesOf(n.GetStatus().GetAllocatable())
		if u := used[name]; u != nil && (u.MilliCPU > room.MilliCPU || u.Memory > room.Memory || count[name] > room.Pods) {
			h.t.Errorf("node %s is overcommitted: %d pods use %+v of %+v", name, count[name], *u, room)
		}
	}
}

// flaky breaks every third BindPods: in turn before it is carried out, after, and for the read that would tell.
type flaky struct {
	grpc.ClientConnInterface
	calls, reads atomic.Int64
}

func (f *flaky) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	switch method {
	case corev1.PodService_BindPods_FullMethodName:
		switch n := f.calls.Add(1); {
		case n%6 == 0:
			return status.Error(codes.Unavailable, "lost on the way there")
		case n%3 == 0:
			if err := f.ClientConnInterface.Invoke(ctx, method, args, reply, opts...); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "lost on the way back")
		}
	case corev1.PodService_GetPod_FullMethodName:
		if f.reads.Add(1)%4 == 0 {
			return status.Error(codes.Unavailable, "not now")
		}
	}
	return f.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

func nodes(n int, opts ...st.NodeOption) []kind.Object {
	var out []kind.Object
	for i := range n {
		out = append(out, st.Node(fmt.Sprintf("n%d", i), opts...))
	}
	return out
}
