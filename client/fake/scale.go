package fake

import (
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (s *Server) getScale(k *kind.Kind, namespace, name string) (*autoscalingv1.Scale, error) {
	o, err := s.lookup(k, namespace, name)
	if err != nil {
		return nil, err
	}
	return scaleOf(k, o)
}

func (s *Server) updateScale(k *kind.Kind, request proto.Message) (*autoscalingv1.Scale, error) {
	r, ok := request.(interface {
		GetObject() *autoscalingv1.Scale
		GetOptions() *metav1.UpdateOptions
	})
	if !ok || r.GetObject() == nil {
		return nil, apierror.BadRequest("no scale given")
	}
	scale := r.GetObject()
	old, err := s.lookup(k, scale.GetMetadata().GetNamespace(), scale.GetMetadata().GetName())
	if err != nil {
		return nil, err
	}
	if !k.Options.GetHasScale() {
		return nil, apierror.BadRequest(k.String() + " has no scale")
	}
	next := proto.CloneOf(old)
	of := next.ProtoReflect()
	spec := of.Mutable(of.Descriptor().Fields().ByName("spec")).Message()
	spec.Set(spec.Descriptor().Fields().ByName("replicas"), protoreflect.ValueOfInt32(scale.GetSpec().GetReplicas()))
	m := kind.Metadata(next)
	m.ResourceVersion, m.Uid = scale.GetMetadata().GetResourceVersion(), scale.GetMetadata().GetUid()
	updated, err := s.update(k, next, "", optionsOf(r.GetOptions()))
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
	if !k.Options.GetHasScale() {
		return nil, apierror.BadRequest(k.String() + " has no scale")
	}
	part := func(name protoreflect.Name) protoreflect.Message {
		r := o.ProtoReflect()
		return r.Get(r.Descriptor().Fields().ByName(name)).Message()
	}
	replicas := func(m protoreflect.Message) int32 {
		return int32(m.Get(m.Descriptor().Fields().ByName("replicas")).Int())
	}
	spec := part("spec")
	scale.Spec.Replicas, scale.Status.Replicas = replicas(spec), replicas(part("status"))
	of := &metav1.LabelSelector{}
	switch v, fd := spec.Get(spec.Descriptor().Fields().ByName("selector")), spec.Descriptor().Fields().ByName("selector"); {
	case fd.IsMap():
		of.MatchLabels = map[string]string{}
		v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			of.MatchLabels[key.String()] = value.String()
			return true
		})
	case spec.Has(fd):
		of, _ = v.Message().Interface().(*metav1.LabelSelector)
	}
	parsed, err := selector.FromMessage(of)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	scale.Status.Selector = parsed.String()
	return scale, nil
}
