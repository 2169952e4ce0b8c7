package registry

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kaji.dev/kaji/apierror"
	autoscalingv1 "kaji.dev/kaji/gen/kaji/autoscaling/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/frame"
)

// unary handles one call; what it returns is a message or a frame.
type unary func(ctx context.Context, req proto.Message) (any, error)

// serviceDesc makes the kind's typed service from its descriptor: each method is served by what its verb and
// sub-resource say it is. A method that nothing serves is a mistake, not a method that answers UNIMPLEMENTED.
func (r *resource) serviceDesc() (*grpc.ServiceDesc, error) {
	sd := r.kind.ServiceDescriptor()
	desc := &grpc.ServiceDesc{
		ServiceName: string(sd.FullName()), HandlerType: (*any)(nil), Metadata: sd.ParentFile().Path(),
	}
	methods := sd.Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		full := "/" + string(sd.FullName()) + "/" + string(m.Name())
		if h := r.cfg.Streams[full]; h != nil {
			desc.Streams = append(desc.Streams, grpc.StreamDesc{
				StreamName: string(m.Name()), Handler: h,
				ServerStreams: m.IsStreamingServer(), ClientStreams: m.IsStreamingClient(),
			})
			continue
		}
		o := kind.MethodOptions(m)
		if o.GetVerb() == metav1.Verb_VERB_WATCH {
			desc.Streams = append(desc.Streams, grpc.StreamDesc{StreamName: string(m.Name()), Handler: r.serveWatch, ServerStreams: true})
			continue
		}
		h := r.unaryFor(o)
		if h == nil || m.IsStreamingServer() || m.IsStreamingClient() {
			return nil, fmt.Errorf("nothing serves %s (verb %s, sub-resource %q)", full, o.GetVerb(), o.GetSubresource())
		}
		in, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", full, err)
		}
		desc.Methods = append(desc.Methods, unaryDesc(string(m.Name()), full, in, h))
	}
	return desc, nil
}

func unaryDesc(name, full string, in protoreflect.MessageType, h unary) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(srv any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
			req := in.New().Interface()
			if err := decode(req); err != nil {
				// Bytes that are no such message, or text in them that is no UTF-8.
				return nil, apierror.ToStatus(apierror.BadRequest("the request cannot be read: " + status.Convert(err).Message()))
			}
			if chain == nil {
				return h(ctx, req)
			}
			info := &grpc.UnaryServerInfo{Server: srv, FullMethod: full}
			return chain(ctx, req, info, func(ctx context.Context, req any) (any, error) { return h(ctx, req.(proto.Message)) })
		},
	}
}

// unaryFor finds what serves a verb; nil when nothing does.
func (r *resource) unaryFor(o *metav1.MethodOptions) unary {
	type call struct {
		verb        metav1.Verb
		subresource string
	}
	switch (call{o.GetVerb(), o.GetSubresource()}) {
	case call{metav1.Verb_VERB_GET, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return typed(r.get(ctx, req.(*metav1.GetRequest), ""))
		}
	case call{metav1.Verb_VERB_LIST, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			l, err := r.list(ctx, req.(*metav1.ListRequest))
			if err != nil {
				return nil, err
			}
			return l.frame("")
		}
	case call{metav1.Verb_VERB_CREATE, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			o, opts, err := objectOf[*metav1.CreateOptions](req)
			if err != nil {
				return nil, err
			}
			return typed(r.create(ctx, o, opts))
		}
	case call{metav1.Verb_VERB_UPDATE, ""}, call{metav1.Verb_VERB_UPDATE, statusSubresource}:
		return r.updater(o.GetSubresource())
	case call{metav1.Verb_VERB_PATCH, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return typed(r.patch(ctx, req.(*metav1.PatchRequest)))
		}
	case call{metav1.Verb_VERB_APPLY, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return typed(r.apply(ctx, req.(*metav1.ApplyRequest)))
		}
	case call{metav1.Verb_VERB_DELETE, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return r.delete(ctx, req.(*metav1.DeleteRequest))
		}
	case call{metav1.Verb_VERB_DELETE_COLLECTION, ""}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return r.deleteCollection(ctx, req.(*metav1.DeleteCollectionRequest))
		}
	case call{metav1.Verb_VERB_GET, scaleSubresource}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return r.getScale(ctx, req.(*metav1.GetRequest))
		}
	case call{metav1.Verb_VERB_UPDATE, scaleSubresource}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			scale, opts, err := partsOf[*autoscalingv1.Scale, *metav1.UpdateOptions](req)
			if err != nil {
				return nil, err
			}
			return r.updateScale(ctx, scale, opts)
		}
	case call{metav1.Verb_VERB_CREATE, "binding"}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			return r.bindPods(ctx, req.(*corev1.BindPodsRequest))
		}
	case call{metav1.Verb_VERB_CREATE, evictionSubresource}:
		return func(ctx context.Context, req proto.Message) (any, error) {
			evict := req.(*corev1.EvictPodRequest)
			e, err := evictionOf(evict)
			if err != nil {
				return nil, err
			}
			return r.evictPod(ctx, e, evict.GetOptions())
		}
	}
	if _, ok := r.strategy.Subresources[o.GetSubresource()]; ok && o.GetVerb() == metav1.Verb_VERB_UPDATE {
		return r.updater(o.GetSubresource())
	}
	return nil
}

// updater serves updates of an object, or of a part of it.
func (r *resource) updater(subresource string) unary {
	return func(ctx context.Context, req proto.Message) (any, error) {
		object, opts, err := objectOf[*metav1.UpdateOptions](req)
		if err != nil {
			return nil, err
		}
		return typed(r.update(ctx, object, subresource, opts))
	}
}

// typed is a result as the typed services answer it.
func typed(res *result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return frame.Object("", res.raw), nil
}

// objectOf takes the object and the options out of a request to create or update.
func objectOf[O proto.Message](req proto.Message) (kind.Object, O, error) {
	return partsOf[kind.Object, O](req)
}

func partsOf[T, O proto.Message](req proto.Message) (object T, opts O, err error) {
	m := req.ProtoReflect()
	fields := m.Descriptor().Fields()
	fd := fields.ByName("object")
	if !m.Has(fd) {
		return object, opts, apierror.BadRequest("the request holds no object",
			apierror.FieldViolation{Field: "object", Description: "must be set", Reason: "FieldValueRequired"})
	}
	object, _ = m.Get(fd).Message().Interface().(T)
	opts, _ = m.Get(fields.ByName("options")).Message().Interface().(O)
	return object, opts, nil
}

func (r *resource) serveWatch(_ any, stream grpc.ServerStream) error {
	req := &metav1.WatchRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	return r.watch(stream.Context(), req, "", stream)
}
