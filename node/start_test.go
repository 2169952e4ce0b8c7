package node

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// BenchmarkPodStart takes the time from a pod's creation in the API to its being
// seen there as running and ready, turn and turn about with the runtime's raw calls, and
// reports the medians and their ratio.
func BenchmarkPodStart(b *testing.B) {
	w := newWorld(b, "bench")
	w.start()
	w.create(pod("warm", sleeper))
	w.await("warm", "running", isRunning)
	rt, err := machine.Client("raw")
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Close()
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](w.api)
	var raw, agent []time.Duration
	b.ResetTimer()
	for i := range b.N {
		name := fmt.Sprint("pod-", i)
		began := time.Now()
		id := rawStart(ctx, b, rt, name)
		raw = append(raw, time.Since(began))
		for _, err := range []error{rt.StopSandbox(ctx, id), rt.RemoveSandbox(ctx, id)} {
			if err != nil {
				b.Fatal(err)
			}
		}
		watch, err := pods.Watch(ctx, "default", &metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err != nil {
			b.Fatal(err)
		}
		began = time.Now()
		w.create(pod(name, sleeper))
		for running := false; !running; {
			e, err := watch.Recv()
			if err != nil {
				b.Fatal(err)
			}
			running = isRunning(e.Object)
		}
		agent = append(agent, time.Since(began))
		watch.Stop()
		w.delete(name, 5)
		w.await(name, "gone", isGone)
	}
	slices.Sort(raw)
	slices.Sort(agent)
	b.ReportMetric(float64(raw[b.N/2].Milliseconds()), "raw-ms")
	b.ReportMetric(float64(agent[b.N/2].Milliseconds()), "agent-ms")
	b.ReportMetric(float64(agent[b.N/2])/float64(raw[b.N/2]), "ratio")
}

func rawStart(ctx context.Context, b *testing.B, rt *cri.Client, uid string) (sandbox string) {
	labels := map[string]string{observed.LabelNode: "raw", observed.LabelPodUID: uid}
	box := &containerconfig.Sandbox{Name: uid, Namespace: "default", UID: uid, Hostname: "h", LogDirectory: b.TempDir(), Labels: labels,
		Security: containerconfig.SandboxSecurity{Namespaces: containerconfig.Namespaces{PID: containerconfig.NamespaceContainer}}}
	sandbox, err := rt.RunSandbox(ctx, box, "")
	if err != nil {
		b.Fatal(err)
	}
	img, err := rt.Image(ctx, machine.Image)
	if err != nil {
		b.Fatal(err)
	}
	id, err := rt.CreateContainer(ctx, sandbox, &containerconfig.Container{Name: "main", Image: img.ID, Command: []string{"sh", "-c", sleeper}, Labels: labels, LogPath: "0.log",
		Security: containerconfig.ContainerSecurity{Namespaces: box.Security.Namespaces}}, box)
	if err != nil {
		b.Fatal(err)
	}
	if err := rt.StartContainer(ctx, id); err != nil {
		b.Fatal(err)
	}
	return sandbox
}
