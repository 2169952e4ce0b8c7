package pods

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri/fake"
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/images"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/probes"
	"kaji.dev/kaji/node/relist"
	"kaji.dev/kaji/node/volumes"
)

// fast is a clock that runs that many times as fast as the real one.
type fast struct {
	clock.RealClock
	begun time.Time
	speed time.Duration
}

func (f fast) Now() time.Time                         { return f.begun.Add(time.Since(f.begun) * f.speed) }
func (f fast) Since(t time.Time) time.Duration        { return f.Now().Sub(t) }
func (f fast) NewTimer(d time.Duration) clock.Timer   { return f.RealClock.NewTimer(d / f.speed) }
func (f fast) After(d time.Duration) <-chan time.Time { return f.RealClock.After(d / f.speed) }

// world is a manager with a runtime in memory around it, and what it tells the API.
type world struct {
	t       *testing.T
	root    string
	clock   clock.Clock
	runtime *fake.Runtime
	*Manager
	lister *relist.Lister
	probes *probes.Manager
	disk   *volumes.Manager
	stop   func()

	mu       sync.Mutex
	changed  chan struct{}
	status   map[string]*corev1.PodStatus
	history  map[string][]*corev1.PodStatus
	finished map[string]bool
	events   []string
}

func newWorld(t *testing.T, speed time.Duration) *world {
	w := &world{t: t, root: t.TempDir(), clock: fast{begun: time.Now(), speed: speed}, runtime: fake.New("docker.io/library/image:1", "docker.io/library/image:2"),
		changed: make(chan struct{}), status: map[string]*corev1.PodStatus{}, history: map[string][]*corev1.PodStatus{}, finished: map[string]bool{}}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start makes an agent, as after a restart: it knows only what the runtime and the
// disk have.
func (w *world) start() {
	rt := w.runtime.Client("n")
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: quiet{w.t}})
	var err error
	if w.disk, err = volumes.New(volumes.Config{Root: w.root, DisableTmpfs: true}, log); err != nil {
		w.t.Fatal(err)
	}
	if w.probes, err = probes.New(probes.Config{Exec: rt}, log); err != nil {
		w.t.Fatal(err)
	}
	containers := &containerconfig.Config{NodeName: "n", LogRoot: filepath.Join(w.root, "logs")}
	if err := containers.Validate(); err != nil {
		w.t.Fatal(err)
	}
	var m *Manager
	lister := relist.New(rt, w.clock, log, func(p observed.Pod, began time.Time) { m.Seen(p, began) })
	m = NewManager(Config{
		Containers: containers, Runtime: rt, Images: images.New(rt, none{}, 2, w.clock.Now), Volumes: w.disk, Env: env.Getters{},
		Probes: addressed{w.probes, w.t}, Lister: lister, Sink: w, Events: w, Classes: none{}, Info: volumes.PodInfo{Allocatable: map[string]resource.Quantity{"cpu": resource.MustParse("4"), "memory": resource.MustParse("1Gi")}},
		Node:     plan.Node{HostIPs: []string{"192.0.2.1"}, Runtime: "fake"},
		Parallel: 4, Refresh: time.Hour, Clock: w.clock, Log: log,
	})
	w.Manager, w.lister = m, lister
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for lister.Once(ctx) != nil { // faults may be on already
		continue
	}
	wg.Go(func() { lister.Run(ctx) })
	p := w.probes
	wg.Go(func() {
		for r := range p.Results() {
			m.Probed(r)
		}
	})
	w.stop = sync.OnceFunc(func() {
		cancel()
		m.Close()
		p.Close()
		wg.Wait()
	})
}

// crash ends the agent as kill -9 does: what is under way is cut.
func (w *world) crash() {
	w.cutoff()
	w.stop()
}

type quiet struct{ t *testing.T }

func (q quiet) Write(b []byte) (int, error) {
	if testing.Verbose() {
		fmt.Print(string(b))
	}
	return len(b), nil
}

// addressed refuses to probe a container at no address.
type addressed struct {
	*probes.Manager
	t *testing.T
}

func (p addressed) Ensure(ref probes.PodRef, c *corev1.Container, id, ip string) {
	if ip == "" {
		p.t.Errorf("%s of %s is to be probed at no address", c.GetName(), ref.Name)
	}
	p.Manager.Ensure(ref, c, id, ip)
}

func (p addressed) Adopt(ref probes.PodRef, c *corev1.Container, id, ip string, known probes.State) {
	if ip == "" {
		p.t.Errorf("%s of %s is to be probed at no address", c.GetName(), ref.Name)
	}
	p.Manager.Adopt(ref, c, id, ip, known)
}

type none struct{}

func (none) Get(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	return nil, apierror.NotFound("secrets.core", namespace, name)
}

func (none) Handler(name string) (string, error) {
	return "", fmt.Errorf("RuntimeClass %q not found", name)
}

func (w *world) Status(pod *corev1.Pod, st *corev1.PodStatus) {
	uid := pod.GetMetadata().GetUid()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status[uid] = st
	w.history[uid] = append(w.history[uid], st)
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Finished(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished[pod.GetMetadata().GetUid()] = true
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) Event(_ *corev1.Pod, container string, _ bool, reason, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, container+" "+reason+": "+message)
}

// await waits until what has been told is as wanted.
func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		w.mu.Lock()
		changed, good := w.changed, ok()
		w.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-limit:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.dump()
			w.t.Fatalf("not %s: finished %v", what, w.finished)
		}
	}
}

func (w *world) running(uid string) func() bool {
	return func() bool {
		for _, c := range w.status[uid].GetConditions() {
			if c.GetType() == "Ready" {
				return c.GetStatus() == "True"
			}
		}
		return false
	}
}

func podOf(uid string, change ...func(*corev1.Pod)) *corev1.Pod {
	grace := int64(5)
	p := &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "p-" + uid, Namespace: "default", Uid: uid},
		Spec: &corev1.PodSpec{RestartPolicy: "Always", TerminationGracePeriodSeconds: &grace, DnsPolicy: "Default",
			Containers: []*corev1.Container{{Name: "a", Image: "image:1", ImagePullPolicy: "IfNotPresent", Command: []string{"sh", "-c", "sleep"}}}},
		Status: &corev1.PodStatus{Phase: "Pending"},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

// deleted is the pod as the API has it once its deletion was asked for.
func deleted(p *corev1.Pod, grace int64) *corev1.Pod {
	m := p.GetMetadata()
	return &corev1.Pod{Spec: p.Spec, Status: p.Status, Metadata: &metav1.ObjectMeta{Name: m.Name, Namespace: m.Namespace, Uid: m.Uid,
		DeletionGracePeriodSeconds: &grace, DeletionTimestamp: now()}}
}

// dump shows what the actors have in mind.
func (w *world) dump() {
	for _, uid := range []string{"u", "u1", "u2", "u3"} {
		a := w.find(uid)
		if a == nil {
			continue
		}
		shown := make(chan struct{})
		a.post(func(a *actor) {
			p := plan.Make(&a.state, w.clock.Now())
			w.t.Logf("%s at %s: plan %+v\nbusy %v\nfailures %+v\nseen %+v\nmounted %v", uid, w.clock.Now(), p, a.state.Busy, a.state.Failures, a.state.Seen, a.state.Mounted)
			close(shown)
		})
		<-shown
	}
}
