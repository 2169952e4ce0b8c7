package conformance

import (
	"context"
	"io"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
)

// Typed is the way in through the services that are generated for each kind, with nothing of the SDK in between.
func Typed(conn grpc.ClientConnInterface) API {
	maps, namespaces, pods := corev1.NewConfigMapServiceClient(conn), corev1.NewNamespaceServiceClient(conn), corev1.NewPodServiceClient(conn)
	return services{
		pods: pods,
		by: map[*kind.Kind]service{
			kind.Of((*corev1.ConfigMap)(nil)): {
				get: object(maps.GetConfigMap), patch: object(maps.PatchConfigMap), apply: object(maps.ApplyConfigMap),
				list: list(maps.ListConfigMaps), watch: watch[*corev1.ConfigMap](maps.WatchConfigMaps), delete: maps.DeleteConfigMap, deleteCollection: maps.DeleteCollectionConfigMaps,
				create: func(ctx context.Context, o kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
					return object(maps.CreateConfigMap)(ctx, &corev1.CreateConfigMapRequest{Object: o.(*corev1.ConfigMap), Options: options})
				},
				update: func(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
					return object(maps.UpdateConfigMap)(ctx, &corev1.UpdateConfigMapRequest{Object: o.(*corev1.ConfigMap), Options: options})
				},
			},
			kind.Of((*corev1.Namespace)(nil)): {
				get: object(namespaces.GetNamespace), patch: object(namespaces.PatchNamespace), apply: object(namespaces.ApplyNamespace),
				list: list(namespaces.ListNamespaces), watch: watch[*corev1.Namespace](namespaces.WatchNamespaces), delete: namespaces.DeleteNamespace, deleteCollection: namespaces.DeleteCollectionNamespaces,
				create: func(ctx context.Context, o kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
					return object(namespaces.CreateNamespace)(ctx, &corev1.CreateNamespaceRequest{Object: o.(*corev1.Namespace), Options: options})
				},
				update: func(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
					return object(namespaces.UpdateNamespace)(ctx, &corev1.UpdateNamespaceRequest{Object: o.(*corev1.Namespace), Options: options})
				},
				updateStatus: func(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
					return object(namespaces.UpdateNamespaceStatus)(ctx, &corev1.UpdateNamespaceRequest{Object: o.(*corev1.Namespace), Options: options})
				},
			},
			kind.Of((*corev1.Pod)(nil)): {
				get: object(pods.GetPod), patch: object(pods.PatchPod), apply: object(pods.ApplyPod),
				list: list(pods.ListPods), watch: watch[*corev1.Pod](pods.WatchPods), delete: pods.DeletePod, deleteCollection: pods.DeleteCollectionPods,
				create: func(ctx context.Context, o kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
					return object(pods.CreatePod)(ctx, &corev1.CreatePodRequest{Object: o.(*corev1.Pod), Options: options})
				},
				update: func(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
					return object(pods.UpdatePod)(ctx, &corev1.UpdatePodRequest{Object: o.(*corev1.Pod), Options: options})
				},
				updateStatus: func(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
					return object(pods.UpdatePodStatus)(ctx, &corev1.UpdatePodRequest{Object: o.(*corev1.Pod), Options: options})
				},
			},
		},
	}
}

type services struct {
	pods corev1.PodServiceClient
	by   map[*kind.Kind]service
}

// service is the typed service of one kind.
type service struct {
	get                  func(context.Context, *metav1.GetRequest) (kind.Object, error)
	list                 func(context.Context, *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error)
	watch                func(context.Context, *metav1.WatchRequest) (Watch, error)
	create               func(context.Context, kind.Object, *metav1.CreateOptions) (kind.Object, error)
	update, updateStatus func(context.Context, kind.Object, *metav1.UpdateOptions) (kind.Object, error)
	patch                func(context.Context, *metav1.PatchRequest) (kind.Object, error)
	apply                func(context.Context, *metav1.ApplyRequest) (kind.Object, error)
	delete               func(context.Context, *metav1.DeleteRequest, ...grpc.CallOption) (*metav1.Status, error)
	deleteCollection     func(context.Context, *metav1.DeleteCollectionRequest, ...grpc.CallOption) (*metav1.Status, error)
}

func object[R any, T kind.Object](method func(context.Context, R, ...grpc.CallOption) (T, error)) func(context.Context, R) (kind.Object, error) {
	return func(ctx context.Context, request R) (kind.Object, error) {
		o, err := method(ctx, request)
		if err != nil {
			return nil, apierror.FromStatus(err)
		}
		return o, nil
	}
}

func list[L interface {
	GetItems() []T
	GetMetadata() *metav1.ListMeta
}, T kind.Object](method func(context.Context, *metav1.ListRequest, ...grpc.CallOption) (L, error)) func(context.Context, *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error) {
	return func(ctx context.Context, request *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error) {
		l, err := method(ctx, request)
		if err != nil {
			return nil, nil, apierror.FromStatus(err)
		}
		out := make([]kind.Object, len(l.GetItems()))
		for i, o := range l.GetItems() {
			out[i] = o
		}
		return out, l.GetMetadata(), nil
	}
}

func watch[T kind.Object, E any, P interface {
	*E
	GetType() metav1.EventType
	GetObject() T
}](method func(context.Context, *metav1.WatchRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[E], error)) func(context.Context, *metav1.WatchRequest) (Watch, error) {
	return func(ctx context.Context, request *metav1.WatchRequest) (Watch, error) {
		ctx, stop := context.WithCancel(ctx)
		stream, err := method(ctx, request)
		if err != nil {
			stop()
			return nil, apierror.FromStatus(err)
		}
		_, _ = stream.Header() // the watch stands, or the first Recv says why not
		return typedWatch{stop: stop, recv: func() (Event, error) {
			e, err := stream.Recv()
			if err == io.EOF {
				return Event{}, err
			}
			if err != nil {
				return Event{}, apierror.FromStatus(err)
			}
			return Event{Type: P(e).GetType(), Object: P(e).GetObject()}, nil
		}}, nil
	}
}

type typedWatch struct {
	recv func() (Event, error)
	stop context.CancelFunc
}

func (w typedWatch) Recv() (Event, error) { return w.recv() }
func (w typedWatch) Stop()                { w.stop() }

func (s services) Get(ctx context.Context, k *kind.Kind, request *metav1.GetRequest) (kind.Object, error) {
	return s.by[k].get(ctx, request)
}

func (s services) List(ctx context.Context, k *kind.Kind, request *metav1.ListRequest) ([]kind.Object, *metav1.ListMeta, error) {
	return s.by[k].list(ctx, request)
}

func (s services) Watch(ctx context.Context, k *kind.Kind, request *metav1.WatchRequest) (Watch, error) {
	return s.by[k].watch(ctx, request)
}

func (s services) Create(ctx context.Context, o kind.Object, options *metav1.CreateOptions) (kind.Object, error) {
	return s.by[kind.Of(o)].create(ctx, o, options)
}

func (s services) Update(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	return s.by[kind.Of(o)].update(ctx, o, options)
}

func (s services) UpdateStatus(ctx context.Context, o kind.Object, options *metav1.UpdateOptions) (kind.Object, error) {
	method := s.by[kind.Of(o)].updateStatus
	if method == nil {
		return nil, apierror.BadRequest("the typed service has no method for it")
	}
	return method(ctx, o, options)
}

func (s services) Patch(ctx context.Context, k *kind.Kind, request *metav1.PatchRequest) (kind.Object, error) {
	return s.by[k].patch(ctx, request)
}

func (s services) Apply(ctx context.Context, k *kind.Kind, request *metav1.ApplyRequest) (kind.Object, error) {
	return s.by[k].apply(ctx, request)
}

func (s services) Delete(ctx context.Context, k *kind.Kind, request *metav1.DeleteRequest) error {
	_, err := s.by[k].delete(ctx, request)
	return apierror.FromStatus(err)
}

func (s services) DeleteCollection(ctx context.Context, k *kind.Kind, request *metav1.DeleteCollectionRequest) (*metav1.Status, error) {
	status, err := s.by[k].deleteCollection(ctx, request)
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return status, nil
}

func (s services) BindPods(ctx context.Context, request *corev1.BindPodsRequest) (*corev1.BindPodsResponse, error) {
	response, err := s.pods.BindPods(ctx, request)
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return response, nil
}
