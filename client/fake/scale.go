package fake

import (
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"

	"google.golang.org/protobuf/proto"
)

func (s *Server) getScale(k *kind.Kind, namespace, name string) (*autoscalingv1.Scale, error) {
	o, err := s.lookup(k, namespace, name)
	if err != nil {
		return nil, err
	}
	return scaleOf(k, o)
}

func (s *Server) updateScale(k *kind.Kind, request proto.Message) (*autoscalingv1.Scale, error) {
	r, ok := request.(interface{ GetObject() *autoscalingv1.Scale })
	if !ok || r.GetObject() == nil {
		return nil, apierror.BadRequest("no scale given")
	}
	scale := r.GetObject()
	old, err := s.lookup(k, scale.GetMetadata().GetNamespace(), scale.GetMetadata().GetName())
	if err != nil {
		return nil, err
	}
	next := proto.CloneOf(old)
	switch o := next.(type) {
	case *appsv1.Deployment:
		o.Spec.Replicas = proto.Int32(scale.GetSpec().GetReplicas())
	case *appsv1.ReplicaSet:
		o.Spec.Replicas = proto.Int32(scale.GetSpec().GetReplicas())
	}
	m := kind.Metadata(next)
	m.ResourceVersion, m.Uid = scale.GetMetadata().GetResourceVersion(), scale.GetMetadata().GetUid()
	updated, err := s.update(k, next, "", false)
	if err != nil {
		return nil, err
	}
	return scaleOf(k, updated)
}

func scaleOf(k *kind.Kind, o kind.Object) (*autoscalingv1.Scale, error) {
	m := o.GetMetadata()
	scale := &autoscalingv1.Scale{
		Metadata: &metav1.ObjectMeta{Name: m.GetName(), Namespace: m.GetNamespace(), Uid: m.GetUid(), ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp()},
		Spec:     &autoscalingv1.ScaleSpec{},
		Status:   &autoscalingv1.ScaleStatus{},
	}
	var of *metav1.LabelSelector
	switch o := o.(type) {
	case *appsv1.Deployment:
		scale.Spec.Replicas, scale.Status.Replicas, of = o.GetSpec().GetReplicas(), o.GetStatus().GetReplicas(), o.GetSpec().GetSelector()
	case *appsv1.ReplicaSet:
		scale.Spec.Replicas, scale.Status.Replicas, of = o.GetSpec().GetReplicas(), o.GetStatus().GetReplicas(), o.GetSpec().GetSelector()
	default:
		return nil, apierror.BadRequest(k.String() + " has no scale")
	}
	parsed, err := selector.FromMessage(of)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	scale.Status.Selector = parsed.String()
	return scale, nil
}
