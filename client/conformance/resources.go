package conformance

import (
	"context"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"
)

// Resources is the way in through the SDK: client.Resource.
func Resources(c *client.Client) API { return resources{c} }

type resources struct{ client *client.Client }

func (r resources) Get(ctx context.Context, k *kind.Kind, request *metav1.GetRequest) (kind.Object, error) {
	return client.ForKind(r.client, k).GetWith(ctx, request.GetNamespace(), request.GetName(), request.GetOptions())
}

func (r resources) List(ctx context.Context, k *kind.Kind, request *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error) {
	return client.ForKind(r.client, k).List(ctx, request.GetNamespace(), request.GetOptions())
}

func (r resources) Watch(ctx context.Context, k *kind.Kind, request *metav1.WatchRequest) (Watch, error) {
	w, err := client.ForKind(r.client, k).Watch(ctx, request.GetNamespace(), request.GetOptions())
	if err != nil {
		return nil, err
	}
	return resourceWatch{w}, nil
}

type resourceWatch struct{ *client.Watch[kind.Object] }

func (w resourceWatch) Recv() (Event, error) {
	e, err := w.Watch.Recv()
	return Event{Type: e.Type, Object: e.Object}, err
}

func (r resources) Create(ctx context.Context, object kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
	return client.ForKind(r.client, kind.Of(object)).CreateWith(ctx, object, options)
}

func (r resources) Update(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	return client.ForKind(r.client, kind.Of(object)).UpdateWith(ctx, object, options)
}

func (r resources) UpdateStatus(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	return client.ForKind(r.client, kind.Of(object)).UpdateStatusWith(ctx, object, options)
}

func (r resources) Patch(ctx context.Context, k *kind.Kind, request *metav1.PatchRequest) (kind.Object, error) {
	return client.ForKind(r.client, k).PatchWith(ctx, request)
}

func (r resources) Apply(ctx context.Context, k *kind.Kind, request *metav1.ApplyRequest) (kind.Object, error) {
	return client.ForKind(r.client, k).Apply(ctx, request.GetNamespace(), request.GetName(), request.GetPatch(), request.GetOptions())
}

func (r resources) Delete(ctx context.Context, k *kind.Kind, request *metav1.DeleteRequest) error {
	return client.ForKind(r.client, k).Delete(ctx, request.GetNamespace(), request.GetName(), request.GetOptions())
}

func (r resources) DeleteCollection(ctx context.Context, k *kind.Kind, request *metav1.DeleteCollectionRequest) (*metav1.Status, error) {
	return nil, client.ForKind(r.client, k).DeleteCollection(ctx, request.GetNamespace(), request.GetOptions(), request.GetListOptions())
}

func (r resources) BindPods(ctx context.Context, request *corev1.BindPodsRequest) (*corev1.BindPodsResponse, error) {
	results, err := client.PodsOf(r.client).Bind(ctx, request.GetBindings()...)
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return &corev1.BindPodsResponse{Results: results}, nil
}
