package fake

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

// evict deletes a pod, marked as disrupted. There are no budgets here: an interceptor refuses in their place.
func (s *Server) evict(r *corev1.EvictPodRequest) (*metav1.Status, error) {
	m, options := r.GetObject().GetMetadata(), r.GetObject().GetDeleteOptions()
	old, err := s.lookup(pods, m.GetNamespace(), m.GetName())
	if err != nil {
		return nil, err
	}
	if want := options.GetPreconditions(); want.GetUid() != "" && want.GetUid() != old.GetMetadata().GetUid() {
		return nil, apierror.Conflict(pods.String(), m.GetNamespace(), m.GetName(), "another pod has the name now")
	}
	if len(options.GetDryRun())+len(r.GetOptions().GetDryRun()) == 0 {
		pod := proto.CloneOf(old.(*corev1.Pod))
		if pod.Status == nil {
			pod.Status = &corev1.PodStatus{}
		}
		pod.Status.Conditions = append(without(pod.Status.GetConditions(), "DisruptionTarget"), &corev1.PodCondition{
			Type: "DisruptionTarget", Status: "True", Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting", LastTransitionTime: s.timestamp(),
		})
		s.commit(pods, pod)
	}
	return s.delete(pods, &metav1.DeleteRequest{Namespace: m.GetNamespace(), Name: m.GetName(), Options: options})
}
