// Command podstart measures how long a pod takes to start, beside the raw CRI calls that no agent can do without:
// RunPodSandbox, CreateContainer, StartContainer. Both are done in turn, with the same image on the same runtime,
// so that what the machine does meanwhile hits both.
//
// It needs a cluster of `kaji up`, and the image in the cluster's registry.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/cluster"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func main() {
	dir := flag.String("dir", cluster.DefaultDir, "cluster directory")
	image := flag.String("image", "examples/web:1", "image in the cluster's registry")
	n := flag.Int("n", 20, "pods")
	flag.Parse()
	if err := run(*dir, *image, *n); err != nil {
		log.Fatal(err)
	}
}

func run(dir, image string, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cfg, err := cluster.Load(dir)
	if err != nil {
		return err
	}
	image = cfg.Registry() + "/" + image
	api, err := cfg.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	logs, err := os.MkdirTemp("", "podstart")
	if err != nil {
		return err
	}
	defer os.RemoveAll(logs)
	raw, err := dialRaw(cfg.Endpoint(), image, logs)
	if err != nil {
		return err
	}
	defer raw.close()
	if err := raw.pull(ctx); err != nil {
		return err
	}
	kaji := &viaAPI{pods: client.Of[*corev1.Pod](api), image: image}

	var rawTimes, running, seen []time.Duration
	for i := range n + 2 {
		d, err := raw.start(ctx, fmt.Sprintf("raw-%d", i))
		if err != nil {
			return fmt.Errorf("raw CRI: %w", err)
		}
		k, err := kaji.start(ctx, fmt.Sprintf("podstart-%d", i))
		if err != nil {
			return fmt.Errorf("through Kaji: %w", err)
		}
		// The first rounds warm caches on both sides.
		if i >= 2 {
			rawTimes, running, seen = append(rawTimes, d), append(running, k.running), append(seen, k.seen)
		}
	}
	r := median(rawTimes)
	fmt.Printf("| pod start, median of %d | ms | ratio |\n|---|---|---|\n", n)
	fmt.Printf("| raw CRI: RunPodSandbox + CreateContainer + StartContainer | %.0f | 1.00 |\n", ms(r))
	fmt.Printf("| Kaji: Create acknowledged → container running | %.0f | %.2f |\n", ms(median(running)), ratio(median(running), r))
	fmt.Printf("| Kaji: Create acknowledged → a watcher sees it running | %.0f | %.2f |\n", ms(median(seen)), ratio(median(seen), r))
	return nil
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

func ms(d time.Duration) float64       { return float64(d.Microseconds()) / 1000 }
func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// viaAPI starts pods as a user does.
type viaAPI struct {
	pods  *client.Resource[*corev1.Pod]
	image string
}

// started is how long after the acknowledgement of Create a container ran, and a watcher knew.
type started struct{ running, seen time.Duration }

func (v *viaAPI) start(ctx context.Context, name string) (started, error) {
	grace := int64(0)
	none := false
	pod := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: &corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken:  &none,
			Containers:                    []*corev1.Container{{Name: "web", Image: v.image, ImagePullPolicy: "IfNotPresent"}},
		},
	}
	created, err := v.pods.Create(ctx, pod)
	if err != nil {
		return started{}, err
	}
	acked := time.Now()
	w, err := v.pods.Watch(ctx, "default", &metav1.ListOptions{
		FieldSelector: "metadata.name=" + name, ResourceVersion: created.GetMetadata().GetResourceVersion(),
	})
	if err != nil {
		return started{}, err
	}
	defer w.Stop()
	for {
		e, err := w.Recv()
		if err != nil {
			return started{}, err
		}
		for _, c := range e.Object.GetStatus().GetContainerStatuses() {
			if r := c.GetState().GetRunning(); r != nil {
				s := started{seen: time.Since(acked)}
				// The runtime's own time has whole seconds in the API; it is asked for itself.
				if s.running, err = ranAfter(ctx, c.GetContainerId(), acked); err != nil {
					return s, err
				}
				return s, v.remove(ctx, name)
			}
			if t := c.GetState().GetTerminated(); t != nil {
				return started{}, fmt.Errorf("the container ended: %s", t.GetMessage())
			}
		}
	}
}

func (v *viaAPI) remove(ctx context.Context, name string) error {
	w, err := v.pods.Watch(ctx, "default", &metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		return err
	}
	defer w.Stop()
	grace := int64(0)
	if err := v.pods.Delete(ctx, "default", name, &metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
		return err
	}
	for {
		e, err := w.Recv()
		if err != nil {
			return err
		}
		if e.Type == metav1.EventType_EVENT_TYPE_DELETED {
			return gone(ctx, e.Object.GetMetadata().GetUid())
		}
	}
}

var errNoContainer = errors.New("the runtime does not know the container")

// logPath keeps raw container logs apart from Kaji's.
func logPath(dir, name string) string { return filepath.Join(dir, name) }
