package pods

import (
	"context"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/probes"
)

// Manager owns the actors.
type Manager struct {
	cfg   Config
	slots chan struct{}
	// ledger has what is set aside for the pods.
	ledger *ledger

	// life ends when the agent is told to end: waits are given up. work ends
	// a little later: operations that are short are brought to their end.
	life, work     context.Context
	cancel, cutoff context.CancelFunc

	// mu guards actors; no actor's mailbox is written while it is held.
	mu     sync.Mutex
	actors map[string]*actor
	done   sync.WaitGroup
	closed bool
}

// drain is how long short operations may take after the agent was told to end.
const drain = 10 * time.Second

// NewManager makes a manager without pods. It lives until Close.
func NewManager(cfg Config) *Manager {
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	m := &Manager{cfg: cfg, slots: make(chan struct{}, max(1, cfg.Parallel)), actors: map[string]*actor{}, ledger: newLedger(cfg.Info.Allocatable)}
	m.life, m.cancel = context.WithCancel(context.Background())
	m.work, m.cutoff = context.WithCancel(context.Background())
	return m
}

// Close ends the actors, not the pods: what runs goes on running. It returns when
// no operation is under way any more.
func (m *Manager) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	timer := time.AfterFunc(drain, m.cutoff)
	m.done.Wait()
	timer.Stop()
	m.cutoff()
}

// Set tells of a pod as the API has it now.
func (m *Manager) Set(pod *corev1.Pod) {
	if a := m.actor(pod.GetMetadata().GetUid(), pod); a != nil {
		a.post(func(a *actor) { a.set(pod) })
	}
}

// Listed is told of all pods that the API has on the node. Once Set has been called for each of them, what is left of the node is known:
// then it returns true, and pods may be given more than they have.
func (m *Manager) Listed(pods []*corev1.Pod) bool { return m.ledger.ready(pods) }

// Gone tells that the API has a pod no longer.
func (m *Manager) Gone(podUID string) {
	if a := m.find(podUID); a != nil {
		a.post(func(a *actor) { a.gone() })
	}
}

// Orphans ends what the runtime has of pods that are not in the API. It may be
// called only after a complete list from the API: wanted tells what is in it.
func (m *Manager) Orphans(seen map[string]observed.Pod, wanted func(podUID string) bool) {
	for uid := range seen {
		if uid == "" || wanted(uid) || m.find(uid) != nil {
			continue
		}
		m.cfg.Log.Info("a pod of the runtime is not in the API any more: stopping it", "pod", uid)
		if a := m.actor(uid, nil); a != nil {
			a.post(func(a *actor) { a.gone() })
		}
	}
}

// Seen tells what a listing of the runtime, begun at that time, had of a pod.
func (m *Manager) Seen(p observed.Pod, began time.Time) {
	if a := m.find(p.UID); a != nil {
		a.post(func(a *actor) { a.seen(p, began) })
	}
}

// Probed tells what a probe has found out about a container.
func (m *Manager) Probed(r probes.Result) {
	if a := m.find(r.PodUID); a != nil {
		a.post(func(a *actor) { a.probed(r) })
	}
}

// ProbeFailed tells of an attempt of a probe that failed, for an event.
func (m *Manager) ProbeFailed(r probes.Result) {
	if a := m.find(r.PodUID); a != nil {
		a.post(func(a *actor) { a.probeFailed(r) })
	}
}

// Info is one pod, as Pods tells of it.
type Info struct {
	Namespace, Name, UID string
	State                string
	SandboxID            string
}

// Pods lists the actors, by namespace and name.
func (m *Manager) Pods() []Info {
	m.mu.Lock()
	all := make([]*actor, 0, len(m.actors))
	for _, a := range m.actors {
		all = append(all, a)
	}
	m.mu.Unlock()
	out := make([]Info, 0, len(all))
	for _, a := range all {
		out = append(out, a.info())
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Namespace != out[j].Namespace {
			return out[i].Namespace < out[j].Namespace
		}
		return out[i].Name < out[j].Name
	})
	return out
}

// Snapshot is what the manager has of one pod, for reading.
type Snapshot struct {
	Pod    *corev1.Pod
	Status *corev1.PodStatus
	Seen   observed.Pod
}

// Find gives the pod of that name and uid ("" for any), or false.
func (m *Manager) Find(namespace, name, uid string) (Snapshot, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.actors {
		s := a.snapshot()
		meta := s.Pod.GetMetadata()
		if meta.GetNamespace() == namespace && meta.GetName() == name && (uid == "" || meta.GetUid() == uid) {
			return s, true
		}
	}
	return Snapshot{}, false
}

func (m *Manager) find(uid string) *actor {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.actors[uid]
}

// actor finds or makes the actor of a pod; nil once the manager is closed.
func (m *Manager) actor(uid string, pod *corev1.Pod) *actor {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.actors[uid]; a != nil || m.closed {
		return a
	}
	a := newActor(m, uid, pod)
	m.actors[uid] = a
	m.done.Go(func() {
		a.run()
		m.mu.Lock()
		if m.actors[uid] == a {
			delete(m.actors, uid)
		}
		m.mu.Unlock()
	})
	return a
}

// Sweep removes what earlier pods have left on disk: directories of pods that
// neither the API nor the runtime knows. Like Orphans, it needs a complete list.
func (m *Manager) Sweep(ctx context.Context, onDisk []string, wanted func(podUID string) bool) {
	for _, uid := range onDisk {
		if wanted(uid) || m.find(uid) != nil {
			continue
		}
		if err := m.cfg.Volumes.Unmount(ctx, uid); err != nil {
			m.cfg.Log.Warn("cannot remove the files of a pod that is gone", "pod", uid, "error", err)
		}
	}
	entries, err := os.ReadDir(m.cfg.Containers.LogRoot)
	if err != nil {
		return
	}
	for _, e := range entries {
		_, uid, ok := cutLast(e.Name(), "_")
		if !ok || wanted(uid) || m.find(uid) != nil {
			continue
		}
		if err := os.RemoveAll(filepath.Join(m.cfg.Containers.LogRoot, e.Name())); err != nil {
			m.cfg.Log.Warn("cannot remove the logs of a pod that is gone", "pod", uid, "error", err)
		}
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
