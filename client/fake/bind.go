package fake

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

var pods = kind.Of((*corev1.Pod)(nil))

// bind takes or refuses each binding for itself.
func (s *Server) bind(r *corev1.BindPodsRequest) *corev1.BindPodsResponse {
	response := &corev1.BindPodsResponse{}
	for _, b := range r.GetBindings() {
		result := &corev1.PodBindingResult{}
		pod, err := s.bindOne(b)
		if err != nil {
			result.Code, result.Message, result.Reason = int32(apierror.Code(err)), err.Error(), string(apierror.ReasonOf(err))
		} else {
			result.Code, result.ResourceVersion = int32(codes.OK), pod.GetMetadata().GetResourceVersion()
		}
		response.Results = append(response.Results, result)
	}
	return response
}

func (s *Server) bindOne(b *corev1.PodBinding) (kind.Object, error) {
	old, err := s.lookup(pods, b.GetNamespace(), b.GetName())
	if err != nil {
		return nil, err
	}
	pod := proto.CloneOf(old.(*corev1.Pod))
	switch {
	case b.GetUid() != "" && b.GetUid() != pod.GetMetadata().GetUid():
		return nil, apierror.Conflict(pods.String(), b.GetNamespace(), b.GetName(), "another pod has the name now")
	case pod.GetSpec().GetNodeName() != "":
		return nil, apierror.Conflict(pods.String(), b.GetNamespace(), b.GetName(), "it is bound to "+pod.GetSpec().GetNodeName()+" already")
	case pod.GetMetadata().GetDeletionTimestamp() != nil:
		return nil, apierror.FailedPrecondition("the pod is being deleted")
	case len(pod.GetSpec().GetSchedulingGates()) > 0:
		return nil, apierror.FailedPrecondition("the pod has scheduling gates")
	}
	if pod.Spec == nil {
		pod.Spec = &corev1.PodSpec{}
	}
	if pod.Status == nil {
		pod.Status = &corev1.PodStatus{}
	}
	pod.Spec.NodeName = b.GetNodeName()
	pod.Status.Conditions = append(without(pod.Status.GetConditions(), "PodScheduled"),
		&corev1.PodCondition{Type: "PodScheduled", Status: "True", LastTransitionTime: s.timestamp()})
	return s.commit(pods, pod), nil
}

func without(conditions []*corev1.PodCondition, name string) []*corev1.PodCondition {
	var rest []*corev1.PodCondition
	for _, c := range conditions {
		if c.GetType() != name {
			rest = append(rest, c)
		}
	}
	return rest
}
