package conformance

import (
	"context"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/kind"
)

// API is an implementation of the API as the suite speaks to it: a way in (typed services, ResourceService, the SDK) to a server
// (real, in memory). Errors are *apierror.Error. Objects that come out are the caller's.
type API interface {
	Get(ctx context.Context, k *kind.Kind, request *metav1.GetRequest) (kind.Object, error)
	List(ctx context.Context, k *kind.Kind, request *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error)
	Watch(ctx context.Context, k *kind.Kind, request *metav1.WatchRequest) (Watch, error)
	Create(ctx context.Context, object kind.Object, options *metav1.CreateOptions) (kind.Object, error)
	Update(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error)
	UpdateStatus(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error)
	Patch(ctx context.Context, k *kind.Kind, request *metav1.PatchRequest) (kind.Object, error)
	Apply(ctx context.Context, k *kind.Kind, request *metav1.ApplyRequest) (kind.Object, error)
	Delete(ctx context.Context, k *kind.Kind, request *metav1.DeleteRequest) error
	// DeleteCollection may return a nil status where the way in does not show it.
	DeleteCollection(ctx context.Context, k *kind.Kind, request *metav1.DeleteCollectionRequest) (*metav1.Status, error)
	// BindPods has no generic form: ways in that have none use the typed one.
	BindPods(ctx context.Context, request *corev1.BindPodsRequest) (*corev1.BindPodsResponse, error)
}

// Watch is a stream of events. Recv returns io.EOF when the server ended it in good order.
type Watch interface {
	Recv() (Event, error)
	Stop()
}

// Event is one change of a collection.
type Event struct {
	Type   metav1.EventType
	Object kind.Object
}

// objects are the objects of one kind, typed.
type objects[T kind.Object] struct {
	api  API
	kind *kind.Kind
}

func of[T kind.Object](api API) objects[T] {
	var zero T
	return objects[T]{api: api, kind: kind.Of(zero)}
}

func typed[T kind.Object](o kind.Object, err error) (T, error) {
	if err != nil {
		var zero T
		return zero, err
	}
	return o.(T), nil
}

func (o objects[T]) Get(ctx context.Context, namespace, name string) (T, error) {
	return typed[T](o.api.Get(ctx, o.kind, &metav1.GetRequest{Namespace: namespace, Name: name}))
}

func (o objects[T]) List(ctx context.Context, namespace string, options *metav1.ListOptions) ([]T, *metav1.ListMeta, error) {
	items, meta, err := o.api.List(ctx, o.kind, &metav1.ListRequest{Namespace: namespace, Options: options})
	if err != nil {
		return nil, nil, err
	}
	out := make([]T, len(items))
	for i := range items {
		out[i] = items[i].(T)
	}
	return out, meta, nil
}

func (o objects[T]) Create(ctx context.Context, object T) (T, error) {
	return o.CreateWith(ctx, object, nil)
}

func (o objects[T]) CreateWith(ctx context.Context, object T, options *metav1.CreateOptions) (T, error) {
	return typed[T](o.api.Create(ctx, object, options))
}

func (o objects[T]) Update(ctx context.Context, object T) (T, error) {
	return o.UpdateWith(ctx, object, nil)
}

func (o objects[T]) UpdateWith(ctx context.Context, object T, options *metav1.UpdateOptions) (T, error) {
	return typed[T](o.api.Update(ctx, object, options))
}

func (o objects[T]) UpdateStatus(ctx context.Context, object T) (T, error) {
	return o.UpdateStatusWith(ctx, object, nil)
}

func (o objects[T]) UpdateStatusWith(ctx context.Context, object T, options *metav1.UpdateOptions) (T, error) {
	return typed[T](o.api.UpdateStatus(ctx, object, options))
}

func (o objects[T]) PatchWith(ctx context.Context, request *metav1.PatchRequest) (T, error) {
	return typed[T](o.api.Patch(ctx, o.kind, request))
}

func (o objects[T]) Patch(ctx context.Context, namespace, name string, t metav1.PatchType, patch, subresource string) (T, error) {
	return o.PatchWith(ctx, &metav1.PatchRequest{Namespace: namespace, Name: name, Type: t, Patch: []byte(patch), Subresource: subresource})
}

func (o objects[T]) Apply(ctx context.Context, namespace, name string, declared []byte, options *metav1.ApplyOptions) (T, error) {
	return typed[T](o.api.Apply(ctx, o.kind, &metav1.ApplyRequest{Namespace: namespace, Name: name, Patch: declared, Options: options}))
}

func (o objects[T]) Delete(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error {
	return o.api.Delete(ctx, o.kind, &metav1.DeleteRequest{Namespace: namespace, Name: name, Options: options})
}

func (o objects[T]) DeleteCollection(ctx context.Context, namespace string, options *metav1.DeleteOptions, list *metav1.ListOptions) (*metav1.Status, error) {
	return o.api.DeleteCollection(ctx, o.kind, &metav1.DeleteCollectionRequest{Namespace: namespace, Options: options, ListOptions: list})
}

func (o objects[T]) Watch(ctx context.Context, namespace string, options *metav1.ListOptions) (Watch, error) {
	return o.api.Watch(ctx, o.kind, &metav1.WatchRequest{Namespace: namespace, Options: options})
}
