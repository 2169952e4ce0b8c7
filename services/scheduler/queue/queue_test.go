package queue

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// byName lets a change help the pod it names, and gates pods with scheduling gates. Plugin "deaf" is helped by nothing.
type byName struct{}

func (byName) Gate(p *framework.PodInfo) *framework.Status {
	if len(p.Pod.GetSpec().GetSchedulingGates()) > 0 {
		return framework.NewStatus(framework.Unschedulable, "gates", "gated")
	}
	return nil
}
func (byName) Concerns(plugin string, _ *framework.Change) bool { return plugin != "deaf" }
func (byName) Helps(_ string, p *framework.PodInfo, c *framework.Change) bool {
	return c.Namespace == p.Name
}

func helping(name string) *framework.Change { return &framework.Change{Namespace: name} }

type clock struct{ now time.Time }

func newTestQueue() (*Queue, *clock) {
	c := &clock{time.Unix(1000, 0)}
	return New(byName{}, Config{Seed: 1, Now: func() time.Time { return c.now }}), c
}

func pop(t *testing.T, q *Queue) string {
	t.Helper()
	p, _, _ := q.TryPop()
	if p == nil {
		return ""
	}
	return p.Name
}

func TestOrder(t *testing.T) {
	q, c := newTestQueue()
	q.Add(st.PodInfo("first"))
	q.Add(st.PodInfo("second"))
	c.now = c.now.Add(time.Second)
	q.Add(st.PodInfo("important", st.Priority(10)))
	q.Add(st.PodInfo("third"))
	q.Add(st.PodInfo("lowly", st.Priority(-1)))
	var got []string
	for name := pop(t, q); name != ""; name = pop(t, q) {
		got = append(got, name)
	}
	if want := []string{"important", "first", "second", "third", "lowly"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestBackoffDoublesUpToTheMaximum(t *testing.T) {
	q, c := newTestQueue()
	q.Add(st.PodInfo("p"))
	for i, nominal := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if pop(t, q) == "" {
			t.Fatalf("try %d: nothing to pop", i+1)
		}
		q.Requeue("p", nil)
		s := q.Standing("p")
		if s.State != Backoff || s.Attempts != i+1 {
			t.Fatalf("try %d: %+v", i+1, s)
		}
		wait := s.Next.Sub(c.now)
		lo, hi := nominal*900*time.Millisecond, min(nominal*1100*time.Millisecond, 10*time.Second)
		if wait < lo || wait > hi {
			t.Errorf("try %d: waits %v, want between %v and %v", i+1, wait, lo, hi)
		}
		c.now = s.Next.Add(-1)
		if name := pop(t, q); name != "" {
			t.Errorf("try %d: popped before its back-off ended", i+1)
		}
		c.now = s.Next
	}
}

func TestUnschedulableWaitsForAChangeThatHelps(t *testing.T) {
	q, c := newTestQueue()
	q.Add(st.PodInfo("p"))
	pop(t, q)
	q.Requeue("p", []string{"deaf", "fit"})
	q.Observe(helping("other"))
	c.now = c.now.Add(time.Minute)
	if pop(t, q) != "" {
		t.Fatal("tried again though nothing helped")
	}
	q.Observe(helping("p"))
	if pop(t, q) != "p" {
		t.Fatal("not tried after a change that helps")
	}
	q.Requeue("p", []string{"fit"})
	q.Observe(helping("p")) // back-off of the second try still runs
	if s := q.Standing("p"); s.State != Backoff {
		t.Errorf("after a change that helps, during the back-off: %v", s.State)
	}
	c.now = c.now.Add(3 * time.Second)
	if pop(t, q) != "p" {
		t.Error("not tried after its back-off")
	}
}

func TestChangeWhileTryingIsNotLost(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(q *Queue)
		want   State
	}{
		{"helping event", func(q *Queue) { q.Observe(helping("p")) }, Backoff},
		{"other event", func(q *Queue) { q.Observe(helping("q")) }, Unschedulable},
		{"pod's labels changed", func(q *Queue) { q.Update(st.PodInfo("p", st.Labels("a", "b"))) }, Backoff},
		{"pod's spec changed", func(q *Queue) { q.Add(st.PodInfo("p", st.Tolerate("a", "Exists", "", ""))) }, Backoff},
		{"pod's status changed", func(q *Queue) {
			q.Update(st.PodInfo("p", func(p *corev1.Pod) { p.Status.Message = "x" }))
		}, Unschedulable},
		{"pod deleted", func(q *Queue) { q.Delete("p") }, Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q, _ := newTestQueue()
			q.Observe(helping("p")) // before it was popped: does not count
			q.Add(st.PodInfo("p"))
			pop(t, q)
			tc.change(q)
			q.Requeue("p", []string{"fit"})
			if got := q.Standing("p").State; got != tc.want {
				t.Errorf("state %v, want %v", got, tc.want)
			}
			if len(q.events) != 0 {
				t.Errorf("%d events are kept though nothing is tried", len(q.events))
			}
		})
	}
}

func TestGates(t *testing.T) {
	q, _ := newTestQueue()
	q.Add(st.PodInfo("p", st.Gate("a"), st.Gate("b")))
	if s := q.Standing("p"); s.State != Gated || s.Gate.Message() != "gated" || pop(t, q) != "" {
		t.Fatalf("gated pod: %+v", s)
	}
	q.Update(st.PodInfo("p", st.Gate("b")))
	if q.Standing("p").State != Gated {
		t.Fatal("one gate is left, and the pod is not gated")
	}
	q.Update(st.PodInfo("p"))
	if pop(t, q) != "p" {
		t.Fatal("not tried once its gates were gone")
	}
}

func TestUpdateWakesUnschedulable(t *testing.T) {
	q, c := newTestQueue()
	q.Add(st.PodInfo("p"))
	pop(t, q)
	q.Requeue("p", []string{"deaf"})
	c.now = c.now.Add(time.Minute)
	q.Update(st.PodInfo("p", st.Tolerate("k", "Exists", "", "")))
	p, attempt, _ := q.TryPop()
	if p == nil || attempt != 2 || len(p.Pod.Spec.Tolerations) != 1 {
		t.Errorf("after its tolerations changed: %v, attempt %d", p, attempt)
	}
}

func TestFlush(t *testing.T) {
	q, c := newTestQueue()
	q.Add(st.PodInfo("p"))
	pop(t, q)
	q.Requeue("p", []string{"deaf"})
	c.now = c.now.Add(5 * time.Minute)
	q.Flush()
	if pop(t, q) != "" {
		t.Error("flushed too early")
	}
	c.now = c.now.Add(time.Second)
	q.Flush()
	if pop(t, q) != "p" {
		t.Error("not flushed")
	}
}

func TestBindingFailureGoesToBackoff(t *testing.T) {
	q, _ := newTestQueue()
	q.Add(st.PodInfo("p"))
	pop(t, q)
	q.Binding("p")
	if q.Standing("p").State != Binding || pop(t, q) != "" {
		t.Fatal("a pod being bound is tried again")
	}
	q.Requeue("p", []string{"fit"})
	if s := q.Standing("p"); s.State != Backoff {
		t.Errorf("after its binding failed: %v", s.State)
	}
}

// TestPopBlocks runs on a fake clock: Pop must wake for an added pod, for the end of a back-off, and for the end of its context.
func TestPopBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New(byName{}, Config{Seed: 1})
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan string)
		var last error
		go func() {
			defer close(got)
			for {
				p, _, err := q.Pop(ctx)
				if err != nil {
					last = err
					return
				}
				got <- p.Name
			}
		}()
		synctest.Wait()
		q.Add(st.PodInfo("a"))
		if name := <-got; name != "a" {
			t.Fatalf("popped %q", name)
		}
		q.Requeue("a", nil)
		start := time.Now()
		if name := <-got; name != "a" {
			t.Fatalf("popped %q", name)
		}
		if waited := time.Since(start); waited < 900*time.Millisecond || waited > 1101*time.Millisecond {
			t.Errorf("back-off of %v", waited)
		}
		cancel()
		if _, more := <-got; more || !errors.Is(last, context.Canceled) {
			t.Errorf("Pop ended with %v", last)
		}
	})
}
