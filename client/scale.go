package client

import (
	"context"

	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// scaleSubresource is how many replicas an object wants and has.
const scaleSubresource = "scale"

// GetScale reads how many replicas an object of a kind with replicas wants and has; other kinds are a BadRequest.
func (r *Resource[T]) GetScale(ctx context.Context, namespace, name string) (*autoscalingv1.Scale, error) {
	scale := &autoscalingv1.Scale{}
	if err := r.invoke(ctx, metav1.Verb_VERB_GET, scaleSubresource, &metav1.GetRequest{Namespace: namespace, Name: name}, scale); err != nil {
		return nil, err
	}
	return scale, nil
}

// UpdateScale sets how many replicas an object wants; when the scale has a resourceVersion, only if the object is still that one.
func (r *Resource[T]) UpdateScale(ctx context.Context, scale *autoscalingv1.Scale) (*autoscalingv1.Scale, error) {
	request, err := r.request(metav1.Verb_VERB_UPDATE, scaleSubresource)
	if err != nil {
		return nil, err
	}
	request.Set(request.Descriptor().Fields().ByName("object"), protoreflect.ValueOfMessage(scale.ProtoReflect()))
	stored := &autoscalingv1.Scale{}
	if err := r.invoke(ctx, metav1.Verb_VERB_UPDATE, scaleSubresource, request.Interface(), stored); err != nil {
		return nil, err
	}
	return stored, nil
}

// ScaleTo sets how many replicas an object wants, whatever it wanted before.
func (r *Resource[T]) ScaleTo(ctx context.Context, namespace, name string, replicas int32) (*autoscalingv1.Scale, error) {
	return r.UpdateScale(ctx, &autoscalingv1.Scale{
		Metadata: &metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:     &autoscalingv1.ScaleSpec{Replicas: replicas},
	})
}
