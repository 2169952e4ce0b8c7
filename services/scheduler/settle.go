package scheduler

import (
	"context"
	"fmt"
	"time"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client/events"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/scheduler/binder"
	"kaji.dev/kaji/services/scheduler/framework"
)

// podAPI is binder.API over the wire.
type podAPI struct{ pods corev1.PodServiceClient }

// BindPods implements binder.API.
func (a podAPI) BindPods(ctx context.Context, bindings []*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
	r, err := a.pods.BindPods(ctx, &corev1.BindPodsRequest{Bindings: bindings})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return r.GetResults(), nil
}

// GetPod implements binder.API.
func (a podAPI) GetPod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := a.pods.GetPod(ctx, &metav1.GetRequest{Namespace: namespace, Name: name})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return pod, nil
}

// Bound implements binder.Handler.
func (s *Scheduler) Bound(b binder.Binding) {
	s.cache.FinishBinding(b.Pod.UID, time.Now().Add(confirmWithin))
	s.queue.Done(b.Pod.UID)
	s.metrics.binding("bound")
	s.events.Event(b.Pod.Pod, events.Normal, "Scheduled", fmt.Sprintf("Successfully assigned %s to %s", b.Pod.Key(), b.Node))
}

// Failed implements binder.Handler: the place is given back, and the pod tried again after its back-off.
func (s *Scheduler) Failed(b binder.Binding, err error) {
	s.metrics.binding("failed")
	s.undo(b.Pod)
	s.queue.Requeue(b.Pod.UID, nil)
	s.log.Warn("pod was not bound", "pod", b.Pod.Key(), "node", b.Node, "error", err)
}

// Settled implements binder.Handler: the pod is gone, or has a node.
func (s *Scheduler) Settled(b binder.Binding, pod *corev1.Pod) {
	s.metrics.binding("settled")
	if pod != nil {
		s.observeRead(pod)
		return
	}
	s.queue.Delete(b.Pod.UID)
	s.undo(b.Pod)
}

// Unknown implements binder.Handler: the place is kept until inspect has read the pod.
func (s *Scheduler) Unknown(b binder.Binding) {
	s.metrics.binding("unknown")
	s.cache.FinishBinding(b.Pod.UID, time.Now())
}

// undo gives back the place of an assumed pod, which may be what another pod waits for.
func (s *Scheduler) undo(p *framework.PodInfo) {
	if s.cache.Forget(p.UID) {
		s.queue.Observe(framework.AssignedPodChange(p, nil))
	}
}

// inspect looks after what nobody reports: bindings that were acknowledged and never seen, or whose fate is unknown; and pods that no change has helped for long.
func (s *Scheduler) inspect(ctx context.Context) error {
	ticker := time.NewTicker(inspectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		s.queue.Flush()
		for _, overdue := range s.cache.Expired(time.Now()) {
			if !s.readOverdue(ctx, overdue.Pod, overdue.Node) {
				break // the API server is away: all of them wait
			}
		}
	}
}

// readOverdue reads an assumed pod and acts on what it is; false when it could not be read.
func (s *Scheduler) readOverdue(ctx context.Context, p *framework.PodInfo, node string) bool {
	read, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pod, err := s.api.GetPod(read, p.Namespace, p.Name)
	switch {
	case apierror.IsNotFound(err) || err == nil && pod.GetMetadata().GetUid() != p.UID:
		s.queue.Delete(p.UID)
		s.undo(p)
	case err != nil:
		s.log.Warn("cannot read a pod whose binding was not reported", "pod", p.Key(), "node", node, "error", err)
		return false
	default:
		s.log.Info("binding was not reported; read the pod", "pod", p.Key(), "assumed", node, "node", pod.GetSpec().GetNodeName())
		if pod.GetSpec().GetNodeName() == "" {
			s.undo(p)
			s.queue.Requeue(p.UID, nil) // when it is still known there; otherwise it is new
		}
		s.observeRead(pod)
	}
	return true
}
