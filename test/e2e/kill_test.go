package e2e

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/supervise"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const bystander = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: steady}
spec:
  replicas: 2
  selector: {matchLabels: {app: steady}}
  template:
    metadata: {labels: {app: steady}}
    spec:
      containers: [{name: web, image: %s}]
`

// ledger writes objects one after the other and notes which were acknowledged.
type ledger struct {
	api    *client.Client
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	acked map[string]string // name → value
}

func startLedger(api *client.Client) *ledger {
	ctx, cancel := context.WithCancel(context.Background())
	l := &ledger{api: api, cancel: cancel, acked: map[string]string{}}
	l.done.Go(func() { l.write(ctx) })
	return l
}

func (l *ledger) write(ctx context.Context) {
	maps := client.Of[*corev1.ConfigMap](l.api)
	for n := 0; ctx.Err() == nil; n++ {
		name, value := fmt.Sprintf("entry-%05d", n), fmt.Sprint(n)
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := maps.Create(call, &corev1.ConfigMap{
			Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"ledger": "1"}},
			Data:     map[string]string{"n": value},
		})
		cancel()
		// An error leaves open whether the write took effect; only what was acknowledged must be there.
		if err == nil || apierror.IsAlreadyExists(err) {
			l.mu.Lock()
			l.acked[name] = value
			l.mu.Unlock()
		}
		pause := time.NewTimer(20 * time.Millisecond)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// check stops the writing and says what was acknowledged and is not there.
func (l *ledger) check(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	items, _, err := client.Of[*corev1.ConfigMap](l.api).List(t.Context(), "default", &metav1.ListOptions{LabelSelector: "ledger=1"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range items {
		got[i.GetMetadata().GetName()] = i.GetData()["n"]
	}
	for name, value := range l.acked {
		if got[name] != value {
			t.Errorf("%s was acknowledged with %q and is %q", name, value, got[name])
		}
	}
	if len(l.acked) < 20 {
		t.Errorf("only %d writes were acknowledged: that proves little", len(l.acked))
	}
	t.Logf("%d acknowledged writes are all there", len(l.acked))
}

// TestKillEveryProcess kills each process of a cluster while an update rolls. Every update ends right, the
// bystanders' containers live on, nothing that was acknowledged is lost.
func TestKillEveryProcess(t *testing.T) {
	c := up(t, "--separate", "--members=3", "--nodes=2")
	v1 := c.image("1")
	manifest := strings.ReplaceAll(c.webManifest(), "replicas: 3", "replicas: 4")
	c.apply(manifest)
	c.apply(fmt.Sprintf(bystander, v1))
	c.kaji("rollout", "status", "deployment/web", "--timeout=3m")
	c.kaji("rollout", "status", "deployment/steady", "--timeout=3m")
	steady := c.steadyContainers()
	if len(steady) != 2 {
		t.Fatalf("bystanders: %v", steady)
	}
	l := startLedger(c.client())

	for _, victim := range []string{"store-1", "store-2", "store-3", "apiserver", "controllers", "scheduler", "node-1", "node-2"} {
		t.Run(victim, func(t *testing.T) {
			c := c.in(t)
			greeting := "after-" + victim
			c.apply(strings.ReplaceAll(manifest, "value: hello", "value: "+greeting))
			until(t, "the update has begun", func() error { return c.someServe(greeting) })
			c.kill(victim)
			until(t, "the update ends right", func() error { return c.serves(4, greeting) })
			until(t, "the rollout is told complete", func() error {
				out, err := c.try("rollout", "status", "deployment/web", "--timeout=2m")
				if err != nil {
					return fmt.Errorf("%w: %s", err, out)
				}
				return nil
			})
			if now := c.steadyContainers(); !maps.Equal(now, steady) {
				t.Errorf("bystanders' containers changed: %v, were %v", now, steady)
			}
			if out := c.kaji("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}"); strings.Trim(out, "0 \n") != "" {
				t.Errorf("restarts: %s", out)
			}
		})
	}
	l.check(t)
}

// in returns the cluster for a subtest.
func (c *Cluster) in(t *testing.T) *Cluster {
	d := *c
	d.t = t
	return &d
}

// kill kills a process of the cluster and waits until the supervisor has started it again.
func (c *Cluster) kill(name string) {
	c.t.Helper()
	pid := supervise.Running(c.cfg.RunDir())[name]
	if pid == 0 {
		c.t.Fatalf("%s does not run", name)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		c.t.Fatal(err)
	}
	until(c.t, name+" runs again", func() error {
		if now := supervise.Running(c.cfg.RunDir())[name]; now == 0 || now == pid {
			return fmt.Errorf("pid %d, was %d", now, pid)
		}
		return nil
	})
}

// someServe checks that an update has brought its first pod.
func (c *Cluster) someServe(text string) error {
	for _, p := range c.webPods() {
		if p.Status.PodIP == "" {
			continue
		}
		if body, err := get("http://" + p.Status.PodIP + ":8080/"); err == nil && strings.Contains(body, text) {
			return nil
		}
	}
	return fmt.Errorf("no pod answers with %q", text)
}

// steadyContainers are the bystanders' containers as the runtime knows them.
func (c *Cluster) steadyContainers() map[string]string {
	c.t.Helper()
	uids := strings.Fields(c.kaji("get", "pods", "-l", "app=steady", "-o", "jsonpath={.items[*].metadata.uid}"))
	all, err := c.containers()
	if err != nil {
		c.t.Fatal(err)
	}
	out := map[string]string{}
	for _, uid := range uids {
		for key, id := range all {
			if strings.HasPrefix(key, uid+"/") {
				out[key] = id
			}
		}
	}
	return out
}
