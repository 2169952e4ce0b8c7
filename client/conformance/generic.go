package conformance

import (
	"context"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/types/known/anypb"
)

// Generic is the way in through ResourceService, objects packed: client.Any.
func Generic(c *client.Client) API { return generic{c} }

type generic struct{ client *client.Client }

func (g generic) of(k *kind.Kind) *client.Any { return client.AnyOf(g.client, string(k.Message)) }

func unpacked(a *anypb.Any, err error) (kind.Object, error) {
	if err != nil {
		return nil, err
	}
	return client.Unpack(a)
}

func (g generic) Get(ctx context.Context, k *kind.Kind, request *metav1.GetRequest) (kind.Object, error) {
	return unpacked(g.of(k).GetWith(ctx, request.GetNamespace(), request.GetName(), request.GetOptions()))
}

func (g generic) List(ctx context.Context, k *kind.Kind, request *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error) {
	items, meta, err := g.of(k).List(ctx, request.GetNamespace(), request.GetOptions())
	if err != nil {
		return nil, nil, err
	}
	out := make([]kind.Object, len(items))
	for i := range items {
		if out[i], err = client.Unpack(items[i]); err != nil {
			return nil, nil, err
		}
	}
	return out, meta, nil
}

func (g generic) Watch(ctx context.Context, k *kind.Kind, request *metav1.WatchRequest) (Watch, error) {
	w, err := g.of(k).Watch(ctx, request.GetNamespace(), request.GetOptions())
	if err != nil {
		return nil, err
	}
	return genericWatch{w}, nil
}

type genericWatch struct{ *client.AnyWatch }

func (w genericWatch) Recv() (Event, error) {
	e, err := w.AnyWatch.Recv()
	if err != nil {
		return Event{}, err
	}
	o, err := client.Unpack(e.Object)
	return Event{Type: e.Type, Object: o}, err
}

func (g generic) Create(ctx context.Context, object kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
	a, err := client.Pack(object)
	if err != nil {
		return nil, err
	}
	return unpacked(g.of(kind.Of(object)).Create(ctx, a, options))
}

func (g generic) Update(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	a, err := client.Pack(object)
	if err != nil {
		return nil, err
	}
	return unpacked(g.of(kind.Of(object)).Update(ctx, a, options))
}

func (g generic) UpdateStatus(ctx context.Context, object kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	a, err := client.Pack(object)
	if err != nil {
		return nil, err
	}
	return unpacked(g.of(kind.Of(object)).UpdateStatus(ctx, a, options))
}

func (g generic) Patch(ctx context.Context, k *kind.Kind, request *metav1.PatchRequest) (kind.Object, error) {
	return unpacked(g.of(k).Patch(ctx, request))
}

func (g generic) Apply(ctx context.Context, k *kind.Kind, request *metav1.ApplyRequest) (kind.Object, error) {
	return unpacked(g.of(k).Apply(ctx, request.GetNamespace(), request.GetName(), request.GetPatch(), request.GetOptions()))
}

func (g generic) Delete(ctx context.Context, k *kind.Kind, request *metav1.DeleteRequest) error {
	return g.of(k).Delete(ctx, request.GetNamespace(), request.GetName(), request.GetOptions())
}

func (g generic) DeleteCollection(ctx context.Context, k *kind.Kind, request *metav1.DeleteCollectionRequest) (*metav1.Status, error) {
	return g.of(k).DeleteCollection(ctx, request.GetNamespace(), request.GetOptions(), request.GetListOptions())
}

func (g generic) BindPods(ctx context.Context, request *corev1.BindPodsRequest) (*corev1.BindPodsResponse, error) {
	return resources(g).BindPods(ctx, request)
}
