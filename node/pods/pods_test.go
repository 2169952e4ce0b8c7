package pods

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

func now() *timestamppb.Timestamp { return timestamppb.Now() }

// empty fails if anything is left in the runtime or on disk.
func (w *world) empty() {
	w.t.Helper()
	rt := w.runtime.Client("")
	boxes, err := rt.Sandboxes(context.Background(), "")
	containers, err2 := rt.Containers(context.Background(), "")
	if err = errors.Join(err, err2); err != nil || len(boxes)+len(containers) > 0 {
		w.t.Errorf("left: %v %v %v", boxes, containers, err)
	}
	for _, dir := range []string{"pods", "logs"} {
		entries, err := os.ReadDir(filepath.Join(w.root, dir))
		if err != nil && !os.IsNotExist(err) || len(entries) > 0 {
			w.t.Errorf("left in %s: %v %v", dir, entries, err)
		}
	}
}

// finish deletes a pod and waits until nothing of it is left.
func (w *world) finish(p *corev1.Pod) {
	w.t.Helper()
	uid := p.GetMetadata().GetUid()
	w.Set(deleted(p, 5))
	w.await("finished", func() bool { return w.finished[uid] })
	w.Gone(uid)
}

func TestLife(t *testing.T) {
	w := newWorld(t, 1)
	p := podOf("u")
	w.Set(p)
	w.await("running", w.running("u"))
	w.mu.Lock()
	st := w.status["u"]
	w.mu.Unlock()
	if c := st.GetContainerStatuses()[0]; c.GetContainerId() == "" || !strings.HasPrefix(c.GetContainerId(), "fake://") || st.GetPodIp() == "" || st.GetPhase() != "Running" {
		t.Errorf("%v", st)
	}
	w.finish(p)
	w.empty()
	w.mu.Lock()
	defer w.mu.Unlock()
	var reasons []string
	for _, e := range w.events {
		reason, _, _ := strings.Cut(e, ":")
		reasons = append(reasons, reason)
	}
	if want := []string{"a Pulling", "a Pulled", "a Created", "a Started", "a Killing"}; !slices.Equal(reasons, want) {
		t.Errorf("events %v, want %v", reasons, want)
	}
	last := w.status["u"]
	if end := last.GetContainerStatuses()[0].GetState().GetTerminated(); end.GetExitCode() != 143 || last.GetPhase() != "Failed" {
		t.Errorf("the last status is %v", last)
	}
}

// TestStatusFollowsWithoutRelisting checks that nothing on the way up waits for a listing.
func TestStatusFollowsWithoutRelisting(t *testing.T) {
	w := newWorld(t, 1)
	var listings atomic.Bool
	w.runtime.Intercept(func(op, _ string) error {
		if listings.Load() && (op == "ListPodSandbox" || op == "ListContainers") {
			return cri.NewError(op, "", codes.Unavailable, "no listings")
		}
		return nil
	})
	listings.Store(true)
	w.Set(podOf("u", func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, &corev1.Container{Name: "b", Image: "image:2", Command: []string{"sh"}})
	}))
	w.await("running", w.running("u"))
	listings.Store(false)
}

func TestOldListingIsNotTakenIn(t *testing.T) {
	w := newWorld(t, 1)
	began := w.clock.Now()
	w.Set(podOf("u"))
	w.await("running", w.running("u"))
	creations := w.runtime.Calls("RunPodSandbox")
	// A listing that was begun before anything was made says that nothing is there.
	w.Seen(observed.Pod{UID: "u"}, began)
	w.Set(podOf("v"))
	w.await("running", w.running("v"))
	w.await("running", w.running("u"))
	if got := w.runtime.Calls("RunPodSandbox"); got != creations+1 {
		t.Errorf("%d sandboxes were made, want %d", got, creations+1)
	}
}

func TestDeletionDuringAPull(t *testing.T) {
	w := newWorld(t, 1)
	pulling := make(chan struct{})
	release := make(chan struct{})
	once := sync.OnceFunc(func() { close(pulling) })
	w.runtime.Intercept(func(op, _ string) error {
		if op == "PullImage" {
			once()
			<-release
		}
		return nil
	})
	p := podOf("u")
	w.Set(p)
	<-pulling
	w.finish(p) // does not wait for the pull
	close(release)
	w.empty()
}

func TestGraceCutShort(t *testing.T) {
	w := newWorld(t, 1)
	p := podOf("u", func(p *corev1.Pod) { g := int64(600); p.Spec.TerminationGracePeriodSeconds = &g })
	w.Set(p)
	w.await("running", w.running("u"))
	stopping := make(chan struct{}, 8)
	var hang atomic.Bool
	hang.Store(true)
	blocked := make(chan struct{})
	w.runtime.Intercept(func(op, _ string) error {
		if op == "StopContainer" {
			stopping <- struct{}{}
			if hang.Load() {
				<-blocked
				return cri.NewError(op, "", codes.Canceled, "cut")
			}
		}
		return nil
	})
	w.Set(deleted(p, 600))
	<-stopping
	hang.Store(false)
	w.Set(deleted(p, 0))
	close(blocked)
	<-stopping // asked for anew, with the shorter time
	w.await("finished", func() bool { return w.finished["u"] })
	w.Gone("u")
	w.mu.Lock()
	defer w.mu.Unlock()
	if code := w.status["u"].GetContainerStatuses()[0].GetState().GetTerminated().GetExitCode(); code != 137 {
		t.Errorf("exit code %d", code)
	}
}

func TestOrphansAndLeftovers(t *testing.T) {
	w := newWorld(t, 1)
	w.Set(podOf("kept"))
	w.Set(podOf("orphan"))
	w.await("running", w.running("kept"))
	w.await("running", w.running("orphan"))
	w.crash()
	w.start()
	stale := filepath.Join(w.root, "logs", "default_old_gone")
	if err := os.MkdirAll(stale, 0o755); err != nil {
		t.Fatal(err)
	}
	kept := podOf("kept")
	kept.Status = w.status["kept"]
	w.Set(kept)
	wanted := func(uid string) bool { return uid == "kept" }
	w.Orphans(w.lister.All(), wanted)
	w.Sweep(context.Background(), []string{"kept", "orphan"}, wanted)
	if _, err := os.Stat(stale); !os.IsNotExist(err) {
		t.Errorf("old logs are still there: %v", err)
	}
	for i := 0; w.find("orphan") != nil; i++ {
		if a := w.find("orphan"); a != nil {
			select {
			case <-a.done:
			case <-time.After(20 * time.Second):
				t.Fatal("the orphan does not end")
			}
			a.ops.Wait()
		}
	}
	all, err := w.runtime.Client("n").Containers(context.Background(), "")
	if err != nil || len(all) != 1 || all[0].PodUID != "kept" || all[0].State != observed.Running {
		t.Errorf("%v %v", all, err)
	}
}

// TestFaults lets pods live with a runtime that fails at random, whose containers
// and sandboxes end at random, and with agents that crash; then all of them are deleted, and
// nothing may be left. The seed is in the test's name for a second run.
func TestFaults(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5, 6} {
		t.Run(string(rune('0'+seed)), func(t *testing.T) { faults(t, seed) })
	}
}

func faults(t *testing.T, seed uint64) {
	w := newWorld(t, 200)
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, seed))
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	var broken atomic.Bool
	w.runtime.Intercept(func(op, _ string) error {
		if broken.Load() && roll(8) == 0 {
			return cri.NewError(op, "", []codes.Code{codes.Unavailable, codes.Unknown, codes.DeadlineExceeded}[roll(3)], "chance")
		}
		return nil
	})
	var pods []*corev1.Pod
	for _, uid := range []string{"u1", "u2", "u3"} {
		pods = append(pods, podOf(uid, func(p *corev1.Pod) {
			always := "Always"
			p.Spec.InitContainers = []*corev1.Container{
				{Name: "i", Image: "image:1", Command: []string{"sh", "-c", "exit 0"}},
				{Name: "s", Image: "image:2", Command: []string{"sh", "-c", "sleep"}, RestartPolicy: &always},
			}
			p.Spec.Containers = append(p.Spec.Containers, &corev1.Container{Name: "b", Image: "image:2", Command: []string{"sh", "-c", "sleep"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1,
					Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}})
		}))
	}
	for _, p := range pods {
		w.Set(p)
	}
	broken.Store(true)
	rt := w.runtime.Client("")
	for range 40 {
		all, _ := rt.Containers(context.Background(), "")
		boxes, _ := rt.Sandboxes(context.Background(), "")
		switch n := roll(10); {
		case n < 4 && len(all) > 0:
			w.runtime.Exit(all[roll(len(all))].ID, int32(roll(2)))
		case n == 4 && len(boxes) > 0:
			w.runtime.KillSandbox(boxes[roll(len(boxes))].ID)
		case n == 5:
			if roll(2) == 0 {
				w.crash()
			} else {
				w.stop()
			}
			w.start()
			for _, p := range pods {
				w.mu.Lock()
				st := w.status[p.GetMetadata().GetUid()]
				w.mu.Unlock()
				if st == nil {
					st = p.Status
				}
				w.Set(&corev1.Pod{Metadata: p.Metadata, Spec: p.Spec, Status: st})
			}
		default:
			time.Sleep(time.Duration(roll(20)) * time.Millisecond) // chaos goes at its own pace
		}
	}
	broken.Store(false)
	for _, p := range pods {
		w.await("running again", w.running(p.GetMetadata().GetUid()))
	}
	w.once(t)
	for _, p := range pods {
		w.finish(p)
	}
	w.empty()
}

// once fails if two containers of one name run.
func (w *world) once(t *testing.T) {
	t.Helper()
	all, err := w.runtime.Client("n").Containers(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range all {
		if c.State != observed.Running {
			continue
		}
		if seen[c.PodUID+c.Name] {
			t.Errorf("%s of %s runs twice", c.Name, c.PodUID)
		}
		seen[c.PodUID+c.Name] = true
	}
}

func TestAdoptionNeverShowsLess(t *testing.T) {
	w := newWorld(t, 1)
	p := podOf("u", func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	})
	w.Set(p)
	w.await("running", w.running("u"))
	w.crash()
	w.mu.Lock()
	before, st := len(w.history["u"]), w.status["u"]
	w.mu.Unlock()
	w.start()
	w.Set(&corev1.Pod{Metadata: p.Metadata, Spec: p.Spec, Status: st})
	w.Set(podOf("v"))
	w.await("running", w.running("v"))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.history["u"][before:] {
		if s.GetPodIp() == "" || !s.GetContainerStatuses()[0].GetReady() || s.GetPhase() != "Running" {
			t.Errorf("%v", s)
		}
	}
}
