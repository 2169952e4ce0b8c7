package replicaset

import (
	"sync"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"
)

// memory is what the controller did that its cache of pods may not show yet. With it, a stale cache makes neither a double nor
// a gap: replicas are counted only when the cache holds every pod that was created, and pods whose deletion was accepted
// do not count. It may be used concurrently, but one replica set's pods by one worker.
type memory struct {
	mu   sync.Mutex
	sets map[string]*writes // by uid of the replica set
}

type writes struct {
	created   runtime.Barrier // the last pod created
	uncertain bool            // a creation may or may not have taken effect
	deleted   map[string]bool // uids of pods whose deletion was accepted, until the cache shows it
}

func newMemory() *memory { return &memory{sets: map[string]*writes{}} }

func (m *memory) of(uid string) *writes {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.sets[uid]
	if w == nil {
		w = &writes{deleted: map[string]bool{}}
		m.sets[uid] = w
	}
	return w
}

func (m *memory) forget(uid string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sets, uid)
}

// settle forgets deletions that the pods show.
func (w *writes) settle(pods []*corev1.Pod) {
	if len(w.deleted) == 0 {
		return
	}
	pending := map[string]bool{}
	for _, p := range pods {
		uid := p.GetMetadata().GetUid()
		if w.deleted[uid] && p.GetMetadata().GetDeletionTimestamp() == nil {
			pending[uid] = true
		}
	}
	w.deleted = pending
}

// active returns the pods that count as replicas.
func (w *writes) active(pods []*corev1.Pod) []*corev1.Pod {
	var active []*corev1.Pod
	for _, p := range pods {
		if podstate.Active(p) && !w.deleted[p.GetMetadata().GetUid()] {
			active = append(active, p)
		}
	}
	return active
}
