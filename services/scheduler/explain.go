package scheduler

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/placement"
	"kaji.dev/kaji/services/scheduler/queue"
)

// explainer has the snapshot on which questions are answered: one at a time, beside the loop and its own snapshot.
type explainer struct {
	mu       sync.Mutex
	snapshot *framework.Snapshot
}

// explainServer serves SchedulerService.
type explainServer struct {
	schedulerv1.UnimplementedSchedulerServiceServer
	scheduler *Scheduler
}

// Explain tells why a pod is pending. The API server has made sure that the user may read the pod; others than it, and administrators, are refused.
func (e *explainServer) Explain(ctx context.Context, r *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	if id, ok := identity.FromContext(ctx); !ok || id.Name != identity.APIServer && !id.InGroup(identity.GroupMasters) {
		return nil, apierror.ToStatus(apierror.Forbidden("only the API server may ask the scheduler"))
	}
	response, err := e.scheduler.explain(r.GetNamespace(), r.GetName())
	if err != nil {
		return nil, apierror.ToStatus(err)
	}
	return response, nil
}

func (s *Scheduler) explain(namespace, name string) (*schedulerv1.ExplainResponse, error) {
	if namespace == "" || name == "" {
		return nil, apierror.BadRequest("namespace and name of the pod are required")
	}
	if !s.leading.Load() {
		return nil, apierror.Unavailable("this scheduler does not lead")
	}
	pod, ok := s.pods.Get(namespace, name)
	if !ok {
		return nil, apierror.NotFound("pods.core", namespace, name)
	}
	if r := s.explainSettled(pod); r != nil {
		return r, nil
	}
	p := framework.NewPodInfo(pod)
	standing := s.queue.Standing(p.UID)
	r := &schedulerv1.ExplainResponse{Attempts: int32(standing.Attempts)}
	if !standing.Next.IsZero() {
		r.NextAttempt = timestamppb.New(standing.Next)
	}
	if node, _ := s.cache.NodeOf(p.UID); node != "" {
		r.State, r.NodeName = schedulerv1.PodState_POD_STATE_BINDING, node
		r.Message = fmt.Sprintf("node %s was chosen; the binding is under way", node)
		return r, nil
	}
	r.State = stateOf(standing.State)
	s.explainNodes(p, r)
	if standing.State == queue.Gated {
		r.Message = standing.Gate.Message()
	}
	return r, nil
}

// explainSettled answers for pods that wait for no decision of this scheduler; nil for others.
func (s *Scheduler) explainSettled(pod *corev1.Pod) *schedulerv1.ExplainResponse {
	spec := pod.GetSpec()
	switch {
	case ended(pod):
		return &schedulerv1.ExplainResponse{State: schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE, NodeName: spec.GetNodeName(),
			Message: "the pod has ended (" + pod.GetStatus().GetPhase() + ")"}
	case spec.GetNodeName() != "":
		return &schedulerv1.ExplainResponse{State: schedulerv1.PodState_POD_STATE_BOUND, NodeName: spec.GetNodeName(),
			Message: "the pod is bound to " + spec.GetNodeName()}
	case schedulerOf(pod) != s.cfg.SchedulerName:
		return &schedulerv1.ExplainResponse{State: schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE,
			Message: fmt.Sprintf("the pod asks for the scheduler %q; this one is %q", schedulerOf(pod), s.cfg.SchedulerName)}
	case pod.GetMetadata().GetDeletionTimestamp() != nil:
		return &schedulerv1.ExplainResponse{State: schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE, Message: "the pod is being deleted"}
	}
	return nil
}

func stateOf(s queue.State) schedulerv1.PodState {
	switch s {
	case queue.Backoff:
		return schedulerv1.PodState_POD_STATE_BACKOFF
	case queue.Unschedulable:
		return schedulerv1.PodState_POD_STATE_UNSCHEDULABLE
	case queue.Gated:
		return schedulerv1.PodState_POD_STATE_GATED
	case queue.Binding:
		return schedulerv1.PodState_POD_STATE_BINDING
	}
	return schedulerv1.PodState_POD_STATE_QUEUED
}

// explainNodes asks the plugins about every node.
func (s *Scheduler) explainNodes(p *framework.PodInfo, r *schedulerv1.ExplainResponse) {
	s.explainer.mu.Lock()
	defer s.explainer.mu.Unlock()
	if s.explainer.snapshot == nil {
		s.explainer.snapshot = framework.NewSnapshot()
	}
	s.cache.Update(s.explainer.snapshot)
	verdicts, failure := placement.Explain(s.profile, p, s.explainer.snapshot)
	fit := 0
	for _, v := range verdicts {
		n := &schedulerv1.NodeVerdict{NodeName: v.Node, Fits: len(v.Rejections) == 0, Scores: v.Scores, TotalScore: v.Total}
		if n.Fits {
			fit++
		}
		for _, rejection := range v.Rejections {
			n.Reasons = append(n.Reasons, &schedulerv1.Reason{
				Plugin: rejection.Plugin, Message: rejection.Message(), Unresolvable: rejection.GetCode() == framework.Unresolvable,
			})
		}
		r.Nodes = append(r.Nodes, n)
	}
	if failure != nil {
		r.Message = failure.Error()
		return
	}
	r.Message = fmt.Sprintf("%d/%d nodes are available.", fit, len(verdicts))
}
