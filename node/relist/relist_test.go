package relist

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/cri/fake"
	"kaji.dev/kaji/node/observed"
)

type bench struct {
	t       *testing.T
	runtime *fake.Runtime
	client  *fake.Client
	*Lister
	told chan observed.Pod
}

func newBench(t *testing.T, events bool) *bench {
	b := &bench{t: t, runtime: fake.New("image"), told: make(chan observed.Pod, 100)}
	b.client = b.runtime.Client("n")
	b.client.NoEvents = !events
	b.Lister = New(b.client, clock.RealClock{}, hclog.NewNullLogger(), func(p observed.Pod, _ time.Time) { b.told <- p })
	return b
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx) })
	b.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (b *bench) sandbox(uid string) string {
	b.t.Helper()
	id, err := b.client.RunSandbox(context.Background(), &containerconfig.Sandbox{Name: "p-" + uid, Namespace: "d", UID: uid,
		Labels: map[string]string{observed.LabelNode: "n", observed.LabelPodUID: uid}}, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func (b *bench) next() observed.Pod {
	b.t.Helper()
	select {
	case p := <-b.told:
		return p
	case <-time.After(20 * time.Second):
		b.t.Fatal("nothing is told")
		return observed.Pod{}
	}
}

func TestChangesAreTold(t *testing.T) {
	for name, events := range map[string]bool{"with events": true, "without events": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, events)
			b.run()
			id := b.sandbox("u")
			if p := b.next(); p.UID != "u" || p.Name != "p-u" || len(p.Sandboxes) != 1 || !p.Sandboxes[0].Ready {
				t.Fatalf("%+v", p)
			}
			b.runtime.KillSandbox(id)
			for p := b.next(); p.Sandboxes[0].Ready; p = b.next() { // an event may tell the same twice
			}
			if err := b.client.RemoveSandbox(context.Background(), id); err != nil {
				t.Fatal(err)
			}
			for p := b.next(); !p.Empty(); p = b.next() {
				if p.UID != "u" {
					t.Fatalf("%+v", p)
				}
			}
		})
	}
}

func TestOnceDoesNotTell(t *testing.T) {
	b := newBench(t, false)
	b.sandbox("u")
	if err := b.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if p := b.Latest("u"); len(p.Sandboxes) != 1 || len(b.told) != 0 {
		t.Errorf("%+v, %d told", p, len(b.told))
	}
	b.run()
	b.sandbox("v")
	if p := b.next(); p.UID != "v" { // u has not changed since
		t.Errorf("%+v", p)
	}
}

func TestWokenPodsAreToldEvenIfNothingChanged(t *testing.T) {
	b := newBench(t, false)
	b.sandbox("u")
	b.run()
	b.next()
	b.Wake("u")
	if p := b.next(); p.UID != "u" || len(p.Sandboxes) != 1 {
		t.Errorf("%+v", p)
	}
	b.Wake("unknown")
	if p := b.next(); p.UID != "unknown" || !p.Empty() {
		t.Errorf("%+v", p)
	}
}

func TestAWakeOutlivesFailures(t *testing.T) {
	b := newBench(t, false)
	var down atomic.Bool
	failed := make(chan struct{}, 100)
	b.runtime.Intercept(func(op, _ string) error {
		if down.Load() {
			failed <- struct{}{}
			return cri.NewError(op, "", codes.Unavailable, "down")
		}
		return nil
	})
	b.sandbox("u")
	b.run()
	b.next()
	down.Store(true)
	b.Wake("u")
	<-failed
	<-failed
	if _, err := b.Health(); err == nil && len(b.told) > 0 {
		t.Error("told without a listing")
	}
	down.Store(false)
	if p := b.next(); p.UID != "u" || len(p.Sandboxes) != 1 {
		t.Errorf("a failed listing was told as %+v", p)
	}
}
