package probes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// runtimeFake answers exec probes: the command's first word is the script to follow.
type runtimeFake struct {
	mu      sync.Mutex
	calls   []string
	times   []time.Time
	scripts map[string]func(n int) (code int32, err error)
	count   map[string]int
	hang    bool
}

func (r *runtimeFake) ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) ([]byte, []byte, int32, error) {
	r.mu.Lock()
	name := command[0]
	r.calls = append(r.calls, fmt.Sprintf("%s %v", id, command))
	r.times = append(r.times, time.Now())
	n := r.count[name]
	r.count[name]++
	script, hang := r.scripts[name], r.hang
	r.mu.Unlock()
	if hang {
		<-ctx.Done()
		return nil, nil, 0, ctx.Err()
	}
	code, err := script(n)
	return []byte("said " + name), nil, code, err
}

// called lists the commands so far; asked counts those of one name.
func (r *runtimeFake) called() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

func (r *runtimeFake) asked(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[name]
}

func (r *runtimeFake) asking() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.times)
}

func (r *runtimeFake) script(name string, f func(n int) (int32, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scripts[name] = f
}

func newRuntime() *runtimeFake {
	return &runtimeFake{scripts: map[string]func(int) (int32, error){}, count: map[string]int{}}
}

func always(code int32) func(int) (int32, error) {
	return func(int) (int32, error) { return code, nil }
}

func execProbe(name string, p *corev1.Probe) *corev1.Probe {
	p.Handler = &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{name}}}
	return p
}

// bed is a Manager under a fake clock, with what it reported so far.
type bed struct {
	*Manager
	t       *testing.T
	begin   time.Time
	results []string
}

// in runs a test in a bubble where time stands still while anything moves.
func in(t *testing.T, r *runtimeFake, f func(b *bed)) {
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Exec: r}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := &bed{Manager: m, t: t, begin: time.Now()}
		f(b)
		m.Close()
	})
}

// until lets time pass up to an age of the bubble, and notes the results with theirs.
func (b *bed) until(age time.Duration) {
	timer := time.NewTimer(age - time.Since(b.begin))
	defer timer.Stop()
	for {
		select {
		case r := <-b.Results():
			word := "fails"
			if r.OK {
				word = "ok"
			}
			b.results = append(b.results, fmt.Sprintf("%s %s %s", time.Since(b.begin), r.Kind, word))
		case <-timer.C:
			synctest.Wait()
			if len(b.Manager.results) == 0 {
				return
			}
			timer.Reset(0)
		}
	}
}

func (b *bed) want(results ...string) {
	b.t.Helper()
	if !slices.Equal(b.results, results) {
		b.t.Errorf("results are %q, want %q", b.results, results)
	}
}

var pod = PodRef{UID: "u1", Namespace: "shop", Name: "web"}

func (b *bed) state(id string) State {
	b.t.Helper()
	s, ok := b.State("u1", "main", id)
	if !ok {
		b.t.Errorf("%s is not probed", id)
	}
	return s
}

func TestReadiness(t *testing.T) {
	r := newRuntime()
	// ok, then two failures, ok, then three failures, then ok.
	r.script("ready", func(n int) (int32, error) {
		return map[int]int32{1: 1, 2: 1, 4: 1, 5: 1, 6: 1}[n], nil
	})
	in(t, r, func(b *bed) {
		c := &corev1.Container{Name: "main", ReadinessProbe: execProbe("ready", &corev1.Probe{InitialDelaySeconds: 5, PeriodSeconds: 2})}
		b.Ensure(pod, c, "c1", "10.0.0.1")
		if b.state("c1") != (State{Started: true, Alive: true}) {
			t.Errorf("at first: %+v", b.state("c1"))
		}
		b.until(4 * time.Second)
		b.want()
		b.until(time.Minute)
		b.want("5s readiness ok", "17s readiness fails", "19s readiness ok")
		if b.state("c1") != (State{Started: true, Alive: true, Ready: true}) {
			t.Errorf("at the end: %+v", b.state("c1"))
		}
		b.Ensure(pod, c, "c1", "10.0.0.1") // known: nothing starts over
		b.until(2 * time.Minute)
		b.want("5s readiness ok", "17s readiness fails", "19s readiness ok")
	})
}

// A container that is never ready says why, once.
func TestNeverReady(t *testing.T) {
	r := newRuntime()
	r.script("ready", always(1))
	in(t, r, func(b *bed) {
		b.Ensure(pod, &corev1.Container{Name: "main", ReadinessProbe: execProbe("ready", &corev1.Probe{})}, "c1", "")
		b.until(10 * time.Minute)
		b.want("20s readiness fails")
	})
}

// Every failed attempt is told, also those that cross nothing.
func TestFailed(t *testing.T) {
	r := newRuntime()
	r.script("live", func(n int) (int32, error) { return map[int]int32{1: 1, 3: 1, 4: 1}[n], nil })
	var mu sync.Mutex
	var failed []Result
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Exec: r, Failed: func(f Result) {
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, f)
		}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.Ensure(pod, &corev1.Container{Name: "main", LivenessProbe: execProbe("live", &corev1.Probe{})}, "c1", "")
		time.Sleep(55 * time.Second)
		m.Close()
		if _, open := <-m.Results(); open {
			t.Error("a threshold of 3 was crossed")
		}
	})
	want := Result{PodUID: "u1", Container: "main", ContainerID: "c1", Kind: Liveness, Message: "command exited with 1: said live"}
	if len(failed) != 3 || failed[0] != want {
		t.Errorf("told were %+v, want three times %+v", failed, want)
	}
}

func TestSuccessThreshold(t *testing.T) {
	r := newRuntime()
	r.script("ready", func(n int) (int32, error) { return map[int]int32{2: 1}[n], nil })
	in(t, r, func(b *bed) {
		b.Ensure(pod, &corev1.Container{Name: "main", ReadinessProbe: execProbe("ready", &corev1.Probe{SuccessThreshold: 3, FailureThreshold: 1})}, "c1", "")
		b.until(2 * time.Minute)
		b.want("20s readiness fails", "50s readiness ok") // at 0 and 10, not at 20; at 30, 40, 50
	})
}

func TestLivenessEndsOnFailure(t *testing.T) {
	r := newRuntime()
	r.script("live", func(n int) (int32, error) {
		if n >= 2 {
			return 7, nil
		}
		return 0, nil
	})
	in(t, r, func(b *bed) {
		c := &corev1.Container{Name: "main", LivenessProbe: execProbe("live", &corev1.Probe{})}
		b.Ensure(pod, c, "c1", "")
		if !b.state("c1").Ready {
			t.Error("without a readiness probe a container is ready once started")
		}
		var last Result
		for r := range b.Results() {
			last = r
			break
		}
		want := Result{PodUID: "u1", Container: "main", ContainerID: "c1", Kind: Liveness, Message: "command exited with 7: said live"}
		if last != want || time.Since(b.begin) != 40*time.Second {
			t.Errorf("after %s: %+v, want %+v after 40s", time.Since(b.begin), last, want)
		}
		calls := len(r.called())
		b.until(5 * time.Minute)
		if len(r.called()) != calls {
			t.Error("a container that is to be killed is still asked")
		}
		// Its next run starts over.
		r.script("live", always(0))
		b.Ensure(pod, c, "c2", "")
		b.until(10 * time.Minute)
		b.want()
		if !b.state("c2").Alive {
			t.Error("the next run is not alive")
		}
		if _, ok := b.State("u1", "main", "c1"); ok {
			t.Error("the earlier run is still probed")
		}
	})
}

func TestStartupGates(t *testing.T) {
	r := newRuntime()
	r.script("started", func(n int) (int32, error) {
		if n < 4 {
			return 1, nil
		}
		return 0, nil
	})
	r.script("live", always(0))
	r.script("ready", always(0))
	in(t, r, func(b *bed) {
		b.Ensure(pod, &corev1.Container{Name: "main",
			StartupProbe:   execProbe("started", &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 10}),
			LivenessProbe:  execProbe("live", &corev1.Probe{}),
			ReadinessProbe: execProbe("ready", &corev1.Probe{InitialDelaySeconds: 6}),
		}, "c1", "")
		b.until(3 * time.Second)
		if s := b.state("c1"); s.Started || s.Ready || !s.Alive {
			t.Errorf("before startup: %+v", s)
		}
		for _, call := range r.called() {
			if call != "c1 [started]" {
				t.Errorf("%s before the startup probe passed", call)
			}
		}
		b.until(30 * time.Second)
		// initialDelaySeconds counts from the container's start, not from the gate.
		b.want("4s startup ok", "6s readiness ok")
		if n := r.asked("started"); n != 5 {
			t.Errorf("the startup probe was asked %d times, want 5: not after it passed", n)
		}
	})
}

func TestStartupFails(t *testing.T) {
	r := newRuntime()
	r.script("started", always(1))
	in(t, r, func(b *bed) {
		b.Ensure(pod, &corev1.Container{Name: "main", StartupProbe: execProbe("started", &corev1.Probe{PeriodSeconds: 1}), LivenessProbe: execProbe("live", &corev1.Probe{})}, "c1", "")
		b.until(time.Minute)
		b.want("2s startup fails")
		if s := b.state("c1"); s.Started || s.Alive || s.Ready {
			t.Errorf("after startup failed: %+v", s)
		}
		if n := r.asked("live"); n != 0 {
			t.Errorf("liveness was asked %d times", n)
		}
	})
}

// An attempt that could not be made says nothing about the container; one that ran out of time
// does.
func TestErrorsAndTimeouts(t *testing.T) {
	r := newRuntime()
	r.script("away", func(int) (int32, error) { return 0, errors.New("the runtime is away") })
	r.script("slow", func(int) (int32, error) { return 0, fmt.Errorf("exec: %w", context.DeadlineExceeded) })
	in(t, r, func(b *bed) {
		b.Ensure(pod, &corev1.Container{Name: "main", LivenessProbe: execProbe("away", &corev1.Probe{FailureThreshold: 1})}, "c1", "")
		b.until(time.Minute)
		b.want()
		if n := r.asked("away"); n != 7*tries {
			t.Errorf("asked %d times, want %d: each attempt again at once, then at the next period", n, 7*tries)
		}
		b.Ensure(pod, &corev1.Container{Name: "main", LivenessProbe: execProbe("slow", &corev1.Probe{FailureThreshold: 1})}, "c2", "")
		b.until(2 * time.Minute)
		b.want("1m0s liveness fails")
	})
}

func TestAdopt(t *testing.T) {
	r := newRuntime()
	r.script("ready", always(0))
	in(t, r, func(b *bed) {
		c := &corev1.Container{Name: "main", StartupProbe: execProbe("started", &corev1.Probe{}), ReadinessProbe: execProbe("ready", &corev1.Probe{InitialDelaySeconds: 100, PeriodSeconds: 60})}
		b.Adopt(pod, c, "c1", "", State{Started: true, Ready: true, Alive: true})
		if s := b.state("c1"); s != (State{Started: true, Ready: true, Alive: true}) {
			t.Errorf("adopted: %+v", s)
		}
		b.until(time.Minute)
		b.want() // ready before, ready now: nothing crossed
		if r.asked("started") != 0 || r.asked("ready") == 0 {
			t.Error("startup is done, readiness goes on within one period")
		}
		r.script("ready", always(1))
		b.until(10 * time.Minute)
		if len(b.results) != 1 {
			t.Errorf("results are %q, want one failure", b.results)
		}
	})
}

func TestAdoptSpreads(t *testing.T) {
	r := newRuntime()
	r.script("ready", always(0))
	in(t, r, func(b *bed) {
		for i := range 50 {
			c := &corev1.Container{Name: fmt.Sprint("c", i), ReadinessProbe: execProbe("ready", &corev1.Probe{})}
			b.Adopt(pod, c, fmt.Sprint("id", i), "", State{Started: true})
		}
		b.until(10 * time.Second)
		distinct := map[time.Time]bool{}
		for _, at := range r.asking() {
			distinct[at] = true
		}
		if len(distinct) < 40 {
			t.Errorf("50 adopted containers were first asked at %d different times", len(distinct))
		}
	})
}

func TestStopAndTerminating(t *testing.T) {
	r := newRuntime()
	r.script("live", always(1))
	r.script("ready", always(0))
	in(t, r, func(b *bed) {
		c := &corev1.Container{Name: "main", LivenessProbe: execProbe("live", &corev1.Probe{}), ReadinessProbe: execProbe("ready", &corev1.Probe{})}
		b.Ensure(pod, c, "c1", "")
		b.until(5 * time.Second)
		b.Terminating("u1")
		r.script("ready", always(1))
		b.until(time.Minute)
		b.want("0s readiness ok", "30s readiness fails") // no liveness any more
		b.Stop("u1", "main")
		synctest.Wait()
		calls := len(r.called())
		b.until(2 * time.Minute)
		if len(r.called()) != calls {
			t.Error("a stopped container is still asked")
		}
		b.Ensure(pod, c, "c2", "")
		b.Ensure(PodRef{UID: "u2"}, c, "c3", "")
		b.StopPod("u1")
		if _, ok := b.State("u1", "main", "c2"); ok {
			t.Error("StopPod left a container")
		}
		if _, ok := b.State("u2", "main", "c3"); !ok {
			t.Error("StopPod stopped another pod")
		}
	})
}

// Close ends workers that hang in a probe, and such that wait for a reader.
func TestClose(t *testing.T) {
	r := newRuntime()
	r.hang = true
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Exec: r, Buffer: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m.Ensure(pod, &corev1.Container{Name: "main", LivenessProbe: execProbe("live", &corev1.Probe{})}, "c1", "")
		synctest.Wait()
		m.Close()
		if _, open := <-m.Results(); open {
			t.Error("Results is open after Close")
		}
		m.Ensure(pod, &corev1.Container{Name: "main", LivenessProbe: execProbe("live", &corev1.Probe{})}, "c2", "")
		m.Close()
	})
	r = newRuntime()
	r.script("ready", always(0))
	synctest.Test(t, func(t *testing.T) {
		m, err := New(Config{Exec: r, Buffer: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			m.Ensure(pod, &corev1.Container{Name: fmt.Sprint(i), ReadinessProbe: execProbe("ready", &corev1.Probe{})}, fmt.Sprint(i), "")
		}
		synctest.Wait()
		m.Close()
	})
}

// A counter crosses exactly when the last outcomes in a row, as many as the threshold asks, are
// equal.
func TestCounterProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := counter{success: rapid.Int32Range(1, 4).Draw(t, "success"), failure: rapid.Int32Range(1, 4).Draw(t, "failure")}
		outcomes := rapid.SliceOf(rapid.Bool()).Draw(t, "outcomes")
		for i, ok := range outcomes {
			threshold := int(c.failure)
			if ok {
				threshold = int(c.success)
			}
			want := i+1 >= threshold
			for j := 0; want && j < threshold; j++ {
				want = outcomes[i-j] == ok
			}
			if got := c.crossed(ok); got != want {
				t.Fatalf("outcome %d of %v: crossed = %v, want %v", i, outcomes, got, want)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}, nil); err == nil {
		t.Error("a Manager without Exec was made")
	}
}
