package scheduler

import (
	"context"
	"maps"
	"sync"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/queue"
)

// handle makes the informers feed cache and queue. The cache always learns of a change before the queue wakes pods on account of it. What a pod's
// handler does depends on the pod's last state alone, since states in between may be left out.
func (s *Scheduler) handle() {
	s.nodes.AddHandler(client.Handler[*corev1.Node]{
		OnAdd: func(n *corev1.Node) {
			s.cache.SetNode(n)
			s.queue.Observe(framework.NodeChange(nil, n))
			s.seen.note(n)
		},
		OnUpdate: func(old, n *corev1.Node) {
			s.cache.SetNode(n)
			if c := framework.NodeChange(old, n); c != nil {
				s.queue.Observe(c)
			}
		},
		OnDelete: func(n *corev1.Node) {
			s.cache.RemoveNode(n.GetMetadata().GetName())
			s.queue.Observe(framework.NodeChange(n, nil))
			s.seen.note(n)
		},
	})
	s.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd: func(p *corev1.Pod) {
			s.observePod(p)
			s.seen.note(p)
		},
		OnUpdate: func(_, p *corev1.Pod) { s.observePod(p) },
		OnDelete: func(p *corev1.Pod) {
			s.removePod(p.GetMetadata().GetUid())
			s.seen.note(p)
		},
	})
	s.namespaces.AddHandler(client.Handler[*corev1.Namespace]{
		OnAdd: func(n *corev1.Namespace) {
			s.queue.Observe(namespaceChange(framework.Added, n))
		},
		OnUpdate: func(old, n *corev1.Namespace) {
			if !maps.Equal(old.GetMetadata().GetLabels(), n.GetMetadata().GetLabels()) {
				s.queue.Observe(namespaceChange(framework.LabelsChanged, n))
			}
		},
	})
}

func namespaceChange(action framework.Action, n *corev1.Namespace) *framework.Change {
	return &framework.Change{
		Object: framework.NamespaceObject, Action: action, Namespace: n.GetMetadata().GetName(), NamespaceLabels: n.GetMetadata().GetLabels(),
	}
}

// observePod brings cache and queue in line with a pod.
func (s *Scheduler) observePod(pod *corev1.Pod) {
	switch {
	case ended(pod):
		s.removePod(pod.GetMetadata().GetUid())
	case pod.GetSpec().GetNodeName() != "":
		s.observeAssigned(framework.NewPodInfo(pod))
	case schedulerOf(pod) != s.cfg.SchedulerName:
	case pod.GetMetadata().GetDeletionTimestamp() != nil:
		s.queue.Delete(pod.GetMetadata().GetUid())
	default:
		s.observePending(framework.NewPodInfo(pod))
	}
}

// observeRead takes in a pod that was read past the informer. The informer may know better already: its word comes last, so that
// neither a deletion nor an end that handlers were told of before is undone for good.
func (s *Scheduler) observeRead(pod *corev1.Pod) {
	s.observePod(pod)
	meta := pod.GetMetadata()
	if current, ok := s.pods.Get(meta.GetNamespace(), meta.GetName()); ok && current.GetMetadata().GetUid() == meta.GetUid() {
		s.observePod(current)
		return
	}
	s.removePod(meta.GetUid())
}

// observeAssigned takes in a pod that is on a node.
func (s *Scheduler) observeAssigned(p *framework.PodInfo) {
	before := s.cache.AddPod(p)
	s.queue.Done(p.UID)
	if c := framework.AssignedPodChange(before, p); c != nil {
		s.queue.Observe(c)
	}
}

// observePending takes in a pod that has no node. One that is assumed is being bound, or is bound and the report is on its way.
func (s *Scheduler) observePending(p *framework.PodInfo) {
	if node, _ := s.cache.NodeOf(p.UID); node != "" {
		s.queue.Update(p)
		return
	}
	s.queue.Add(p)
	s.reportIfGated(p)
}

// removePod forgets a pod that is gone or has ended. The queue goes first: see assume.
func (s *Scheduler) removePod(uid string) {
	s.queue.Delete(uid)
	if p := s.cache.RemovePod(uid); p != nil {
		s.queue.Observe(framework.AssignedPodChange(p, nil))
	}
}

// schedulerOf is the scheduler that a pod asks for.
func schedulerOf(pod *corev1.Pod) string {
	if name := pod.GetSpec().GetSchedulerName(); name != "" {
		return name
	}
	return DefaultSchedulerName
}

func ended(pod *corev1.Pod) bool {
	phase := pod.GetStatus().GetPhase()
	return phase == "Succeeded" || phase == "Failed"
}

// reportIfGated says on the pod that its gates hold it back; only the leader writes.
func (s *Scheduler) reportIfGated(p *framework.PodInfo) {
	if s.leading.Load() && s.queue.Standing(p.UID).State == queue.Gated {
		s.conditions.Set(p, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates")
	}
}

// reportGated says so on all pods that came before this process led.
func (s *Scheduler) reportGated() {
	for _, pod := range s.pods.List("", nil) {
		if pod.GetSpec().GetNodeName() == "" && len(pod.GetSpec().GetSchedulingGates()) > 0 {
			s.reportIfGated(framework.NewPodInfo(pod))
		}
	}
}

// seen notes which objects handlers were told of, until all of the first lists were: deciding before would overcommit nodes.
type seen struct {
	mu      sync.Mutex
	uids    map[string]struct{} // told of before wait was called
	missing map[string]struct{} // waited for; nil before and after
	all     chan struct{}       // closed when none is missing
}

func newSeen() *seen { return &seen{uids: map[string]struct{}{}, all: make(chan struct{})} }

func (s *seen) note(o kind.Object) {
	uid := o.GetMetadata().GetUid()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.missing != nil:
		delete(s.missing, uid)
		s.finish()
	case s.uids != nil:
		s.uids[uid] = struct{}{}
	}
}

func (s *seen) finish() {
	if len(s.missing) == 0 {
		s.missing = nil
		close(s.all)
	}
}

// wait waits until all of the objects were noted. It is called once.
func (s *seen) wait(ctx context.Context, uids []string) error {
	s.mu.Lock()
	s.missing = map[string]struct{}{}
	for _, uid := range uids {
		if _, ok := s.uids[uid]; !ok {
			s.missing[uid] = struct{}{}
		}
	}
	s.uids = nil
	s.finish()
	s.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.all:
		return nil
	}
}

// waitSynced waits until cache and queue hold what the API server had when it was asked first.
func (s *Scheduler) waitSynced(ctx context.Context) error {
	var uids []string
	if err := s.namespaces.WaitSynced(ctx); err != nil {
		return err
	}
	if err := s.nodes.WaitSynced(ctx); err != nil {
		return err
	}
	if err := s.pods.WaitSynced(ctx); err != nil {
		return err
	}
	for _, n := range s.nodes.List("", nil) {
		uids = append(uids, n.GetMetadata().GetUid())
	}
	for _, p := range s.pods.List("", nil) {
		uids = append(uids, p.GetMetadata().GetUid())
	}
	return s.seen.wait(ctx, uids)
}
