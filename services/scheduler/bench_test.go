package scheduler

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

const benchPods = 1000

func benchNodes(n int) []kind.Object {
	var out []kind.Object
	for i := range n {
		out = append(out, st.Node(fmt.Sprintf("node-%d", i), st.Zone(fmt.Sprint(i%3)), st.Allocatable("cpu", "32", "memory", "128Gi", "pods", "110")))
	}
	return out
}

func benchPod(i int) *corev1.Pod {
	return st.Pod(fmt.Sprintf("pod-%d", i), st.Labels("app", "web"), st.Owner("rs-web"), st.Requests("cpu", "100m", "memory", "500Mi"))
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, pods int, wall, cpu time.Duration) {
	b.ReportMetric(float64(pods)/wall.Seconds(), "pods/s")
	b.ReportMetric(float64(cpu.Microseconds())/float64(pods), "cpu-µs/pod")
	b.ReportMetric(0, "ns/op")
}

// echo is an API that binds whatever it is asked to and reports it as the watch would.
type echo struct {
	s    *Scheduler
	pods map[string]*corev1.Pod // by name
	done chan struct{}
	left int
}

func (e *echo) BindPods(_ context.Context, bindings []*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
	results := make([]*corev1.PodBindingResult, len(bindings))
	bound := make([]*corev1.Pod, len(bindings))
	for i, x := range bindings {
		results[i] = &corev1.PodBindingResult{}
		bound[i] = proto.CloneOf(e.pods[x.Name])
		bound[i].Spec.NodeName = x.NodeName
	}
	for _, p := range bound {
		e.s.observePod(p)
	}
	if e.left -= len(bindings); e.left == 0 {
		close(e.done)
	}
	return results, nil
}

func (e *echo) GetPod(_ context.Context, _, name string) (*corev1.Pod, error) {
	return e.pods[name], nil
}

type silent struct{}

func (silent) Event(kind.Object, string, string, string) {}
func (silent) Run(context.Context) error                 { return nil }

// BenchmarkScheduler is the scheduler alone, without the network: parsing, queue, decision, assumption, batches, and the report of the binding. One op is 1,000 pods.
func BenchmarkScheduler(b *testing.B) {
	for _, n := range []int{500, 5000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			var wall, cpu time.Duration
			pods := 0
			for b.Loop() {
				s, err := newScheduler(fake.New(), Config{SchedulerName: DefaultSchedulerName, Seed: 1}, hclog.NewNullLogger())
				if err != nil {
					b.Fatal(err)
				}
				for _, node := range benchNodes(n) {
					s.cache.SetNode(node.(*corev1.Node))
				}
				e := &echo{s: s, pods: map[string]*corev1.Pod{}, done: make(chan struct{}), left: benchPods}
				s.api, s.events = e, silent{}
				for i := range benchPods {
					p := benchPod(i)
					e.pods[p.Metadata.Name] = p
				}
				ctx, cancel := context.WithCancel(context.Background())
				var running sync.WaitGroup
				start, used := time.Now(), cpuTime(b)
				running.Go(func() { _ = s.lead(ctx) })
				for i := range benchPods {
					s.observePod(e.pods[fmt.Sprintf("pod-%d", i)])
				}
				<-e.done
				wall, cpu, pods = wall+time.Since(start), cpu+cpuTime(b)-used, pods+benchPods
				cancel()
				running.Wait()
			}
			report(b, pods, wall, cpu)
		})
	}
}

// BenchmarkAgainstAPI is the scheduler with client, informers and events against the API in memory, in one process. One op is 1,000 pods.
func BenchmarkAgainstAPI(b *testing.B) {
	for _, n := range []int{500, 5000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			var wall, cpu time.Duration
			pods := 0
			for b.Loop() {
				h := newHarness(b, benchNodes(n)...)
				_, stop := h.start()
				var objects []*corev1.Pod
				for i := range benchPods {
					objects = append(objects, benchPod(i))
				}
				resource := client.Of[*corev1.Pod](h.client)
				start, used := time.Now(), cpuTime(b)
				for _, p := range objects {
					if _, err := resource.Create(context.Background(), p); err != nil {
						b.Fatal(err)
					}
				}
				h.await("all bound", func() bool { return h.bound() == benchPods })
				wall, cpu, pods = wall+time.Since(start), cpu+cpuTime(b)-used, pods+benchPods
				stop()
			}
			report(b, pods, wall, cpu)
		})
	}
}
