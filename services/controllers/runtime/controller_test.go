package runtime

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kaji.dev/kaji/apierror"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
)

type journal struct {
	mu    sync.Mutex
	calls []Key
}

func (j *journal) add(k Key) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, k)
	return len(j.calls)
}

func (j *journal) all() []Key {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.calls)
}

// run gives f a running controller and stops it after.
func run(t *testing.T, config Config[Key], metrics *Metrics, f func(*Controller[Key])) {
	t.Helper()
	c := NewController(config, metrics, hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	f(c)
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestFullPassThenEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		run(t, Config[Key]{
			Name: "test", Workers: 3,
			Keys:      func() []Key { return []Key{{"a", "1"}, {"a", "2"}} },
			Reconcile: func(_ context.Context, k Key) (Result, error) { j.add(k); return Result{}, nil },
		}, nil, func(c *Controller[Key]) {
			synctest.Wait()
			if got := len(j.all()); got != 2 {
				t.Errorf("%d calls in the full pass", got)
			}
			c.Enqueue(Key{"a", "3"})
			c.EnqueueAfter(Key{"a", "4"}, time.Minute)
			synctest.Wait()
			if got := j.all(); len(got) != 3 || got[2].Name != "3" {
				t.Errorf("calls %v", got)
			}
			time.Sleep(time.Minute + time.Second)
			if got := j.all(); len(got) != 4 || got[3].Name != "4" {
				t.Errorf("calls %v", got)
			}
		})
	})
}

func TestFailuresAreTriedAgain(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error":    func() error { return errors.New("no") },
		"conflict": func() error { return apierror.Conflict("pods.core", "a", "b", "") },
		"panic":    func() error { panic("oh") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				registry := prometheus.NewRegistry()
				metrics, err := NewMetrics(registry)
				if err != nil {
					t.Fatal(err)
				}
				run(t, Config[Key]{Name: "test", Reconcile: func(_ context.Context, k Key) (Result, error) {
					if j.add(k) < 4 {
						return Result{}, fail()
					}
					return Result{RequeueAfter: time.Hour}, nil
				}}, metrics, func(c *Controller[Key]) {
					c.Enqueue(Key{"a", "1"})
					time.Sleep(time.Minute)
					if got := len(j.all()); got != 4 {
						t.Errorf("%d calls", got)
					}
					families, err := registry.Gather()
					if err != nil {
						t.Fatal(err)
					}
					var names []string
					for _, f := range families {
						names = append(names, f.GetName())
					}
					if !slices.Contains(names, "kaji_controller_reconcile_total") || !slices.Contains(names, "kaji_controller_queue_depth") {
						t.Errorf("metrics %v", names)
					}
					if got := slices.Contains(names, "kaji_controller_panics_total"); got != (name == "panic") {
						t.Errorf("panics counted: %v", got)
					}
					time.Sleep(time.Hour)
					if got := len(j.all()); got != 5 {
						t.Errorf("%d calls after an hour", got)
					}
				})
			})
		})
	}
}

// One key is never worked on twice at a time; what comes meanwhile is looked at after.
func TestOneCallPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		var mu sync.Mutex
		busy := map[Key]bool{}
		run(t, Config[Key]{Name: "test", Workers: 4, Reconcile: func(_ context.Context, k Key) (Result, error) {
			mu.Lock()
			if busy[k] {
				t.Errorf("two calls for %v", k)
			}
			busy[k] = true
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			busy[k] = false
			mu.Unlock()
			j.add(k)
			return Result{}, nil
		}}, nil, func(c *Controller[Key]) {
			for range 20 {
				c.Enqueue(Key{"", "n"})
				c.Enqueue(Key{"", "m"})
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
			if got := len(j.all()); got < 4 || got > 8 {
				t.Errorf("%d calls", got)
			}
		})
	})
}
