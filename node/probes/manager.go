package probes

import (
	"context"
	"sync"

	"github.com/hashicorp/go-hclog"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Manager runs the probes of the node's containers. Make it with New, end it with
// Close.
type Manager struct {
	cfg     Config
	log     hclog.Logger
	prober  prober
	results chan Result
	workers sync.WaitGroup

	// mu guards what follows. Nothing is sent or asked while it is held.
	mu         sync.Mutex
	closed     bool
	containers map[key]*watched
}

type key struct{ podUID, container string }

// watched is one run of one container.
type watched struct {
	ref         PodRef
	container   *corev1.Container
	containerID string
	podIP       string
	adopted     bool

	// ctx ends with Stop; living ends earlier, when the pod begins to go.
	ctx, living          context.Context
	cancel, cancelLiving context.CancelFunc
	started              chan struct{} // closed when startup passed
	state                State         // guarded by Manager.mu
	told                 bool          // a readiness result is known to the reader; guarded by Manager.mu
}

// New makes a Manager that probes nothing yet.
func New(cfg Config, log hclog.Logger) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = hclog.NewNullLogger()
	}
	return &Manager{
		cfg:        cfg,
		log:        log,
		prober:     newProber(cfg),
		results:    make(chan Result, cfg.Buffer),
		containers: map[key]*watched{},
	}, nil
}

// Results gives every crossed threshold, once. It must be read: when the buffer is
// full, workers wait. A result can be of a container that was stopped just before; its
// ContainerID tells. The channel is closed by Close.
func (m *Manager) Results() <-chan Result { return m.results }

// Ensure probes a container that was just started. For a container ID that is known
// it changes nothing; a new ID replaces the container's earlier run and starts over.
func (m *Manager) Ensure(ref PodRef, container *corev1.Container, containerID, podIP string) {
	m.ensure(ref, container, containerID, podIP, nil)
}

// Adopt probes a container that ran before this Manager did, from what is known of it:
// a startup probe that passed is not asked again, and a container that was ready stays so
// until its probe says otherwise. First attempts are spread over the period, as many
// containers are adopted at once.
func (m *Manager) Adopt(ref PodRef, container *corev1.Container, containerID, podIP string, known State) {
	m.ensure(ref, container, containerID, podIP, &known)
}

func (m *Manager) ensure(ref PodRef, container *corev1.Container, containerID, podIP string, known *State) {
	probes := probesOf(container)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	k := key{ref.UID, container.GetName()}
	if old := m.containers[k]; old != nil {
		if old.containerID == containerID {
			return
		}
		old.cancel()
	}
	w := &watched{ref: ref, container: container, containerID: containerID, podIP: podIP, adopted: known != nil, started: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.living, w.cancelLiving = context.WithCancel(w.ctx)
	w.state = State{Alive: true, Started: probes[Startup] == nil}
	w.state.Ready = w.state.Started && probes[Readiness] == nil
	if known != nil && known.Started {
		w.state.Started = true
		w.state.Ready = known.Ready || probes[Readiness] == nil
		w.told = true
	}
	if w.state.Started {
		delete(probes, Startup)
		close(w.started)
	}
	m.containers[k] = w
	for kind, probe := range probes {
		m.workers.Add(1)
		go func() {
			defer m.workers.Done()
			newWorker(m, w, kind, probe).run()
		}()
	}
}

// Stop ends the probes of a container.
func (m *Manager) Stop(podUID, containerName string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{podUID, containerName}
	if w := m.containers[k]; w != nil {
		w.cancel()
		delete(m.containers, k)
	}
}

// StopPod ends the probes of all of a pod's containers.
func (m *Manager) StopPod(podUID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, w := range m.containers {
		if k.podUID == podUID {
			w.cancel()
			delete(m.containers, k)
		}
	}
}

// Terminating ends the startup and liveness probes of a pod that is being ended: it is
// not to be restarted any more. Readiness goes on.
func (m *Manager) Terminating(podUID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, w := range m.containers {
		if k.podUID == podUID {
			w.cancelLiving()
		}
	}
}

// State is what the probes of a container's run say; false when that run is not
// probed.
func (m *Manager) State(podUID, containerName, containerID string) (State, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.containers[key{podUID, containerName}]
	if w == nil || w.containerID != containerID {
		return State{}, false
	}
	return w.state, true
}

// Close ends all probes, waits for them, and closes Results.
func (m *Manager) Close() {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return
	}
	m.closed = true
	for k, w := range m.containers {
		w.cancel()
		delete(m.containers, k)
	}
	m.mu.Unlock()
	m.workers.Wait()
	close(m.results)
}

// settle takes a threshold that was crossed into the container's state. It says false
// when nothing changes by it.
func (m *Manager) settle(w *watched, kind Kind, ok bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch kind {
	case Startup:
		if !ok {
			w.state.Alive = false
			return true
		}
		w.state.Started = true
		if w.container.GetReadinessProbe() == nil {
			w.state.Ready = true
		}
		close(w.started)
		return true
	case Liveness:
		changed := w.state.Alive != ok
		w.state.Alive = ok
		return changed
	default:
		changed := w.state.Ready != ok || !w.told
		w.state.Ready, w.told = ok, true
		return changed
	}
}
