package registry

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/frame"
)

// genericDesc makes kaji.api.v1.ResourceService: the same verbs, objects as Any.
func (r *Registry) genericDesc() *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{
		ServiceName: apiv1.ResourceService_ServiceDesc.ServiceName, HandlerType: (*any)(nil),
		Metadata: apiv1.ResourceService_ServiceDesc.Metadata,
		Streams:  []grpc.StreamDesc{{StreamName: "Watch", Handler: r.serveGenericWatch, ServerStreams: true}},
	}
	add := func(full string, in proto.Message, h unary) {
		name := full[strings.LastIndexByte(full, '/')+1:]
		desc.Methods = append(desc.Methods, unaryDesc(name, full, in.ProtoReflect().Type(), h))
	}
	add(apiv1.ResourceService_Discover_FullMethodName, &apiv1.DiscoverRequest{}, func(context.Context, proto.Message) (any, error) {
		return r.discover(), nil
	})
	add(apiv1.ResourceService_Get_FullMethodName, &apiv1.ResourceServiceGetRequest{}, r.genericGet)
	add(apiv1.ResourceService_List_FullMethodName, &apiv1.ResourceServiceListRequest{}, r.genericList)
	add(apiv1.ResourceService_Create_FullMethodName, &apiv1.ResourceServiceCreateRequest{}, r.genericCreate)
	add(apiv1.ResourceService_Update_FullMethodName, &apiv1.ResourceServiceUpdateRequest{}, func(ctx context.Context, m proto.Message) (any, error) {
		return r.genericUpdate(ctx, m, "")
	})
	add(apiv1.ResourceService_UpdateStatus_FullMethodName, &apiv1.ResourceServiceUpdateRequest{}, func(ctx context.Context, m proto.Message) (any, error) {
		return r.genericUpdate(ctx, m, statusSubresource)
	})
	add(apiv1.ResourceService_Patch_FullMethodName, &apiv1.ResourceServicePatchRequest{}, r.genericPatch)
	add(apiv1.ResourceService_Apply_FullMethodName, &apiv1.ResourceServiceApplyRequest{}, r.genericApply)
	add(apiv1.ResourceService_Delete_FullMethodName, &apiv1.ResourceServiceDeleteRequest{}, r.genericDelete)
	add(apiv1.ResourceService_DeleteCollection_FullMethodName, &apiv1.ResourceServiceDeleteCollectionRequest{}, r.genericDeleteCollection)
	add(apiv1.ResourceService_Batch_FullMethodName, &apiv1.ResourceServiceBatchRequest{}, r.batch)
	return desc
}

// packed is a result as an Any.
func (r *resource) packed(res *result, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return frame.Object(r.typeURL, res.raw), nil
}

func (r *Registry) genericGet(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceGetRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	return res.packed(res.get(ctx, req.GetRequest(), ""))
}

func (r *Registry) genericList(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceListRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	l, err := res.list(ctx, req.GetRequest())
	if err != nil {
		return nil, err
	}
	return l.frame(res.typeURL)
}

func (r *Registry) serveGenericWatch(_ any, stream grpc.ServerStream) error {
	req := &apiv1.ResourceServiceWatchRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	res, err := r.resource(req.GetType())
	if err != nil {
		return err
	}
	return res.watch(stream.Context(), req.GetRequest(), res.typeURL, stream)
}

func (r *Registry) genericCreate(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceCreateRequest)
	res, o, err := r.unpack(req.GetObject())
	if err != nil {
		return nil, err
	}
	return res.packed(res.create(ctx, o, req.GetOptions()))
}

func (r *Registry) genericUpdate(ctx context.Context, m proto.Message, subresource string) (any, error) {
	req := m.(*apiv1.ResourceServiceUpdateRequest)
	res, o, err := r.unpack(req.GetObject())
	if err != nil {
		return nil, err
	}
	if subresource == statusSubresource && res.status == nil {
		return nil, apierror.BadRequest(res.kind.String() + " have no status to update")
	}
	return res.packed(res.update(ctx, o, subresource, req.GetOptions()))
}

func (r *Registry) genericPatch(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServicePatchRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	return res.packed(res.patch(ctx, req.GetRequest()))
}

func (r *Registry) genericApply(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceApplyRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	return res.packed(res.apply(ctx, req.GetRequest()))
}

func (r *Registry) genericDelete(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceDeleteRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	return res.delete(ctx, req.GetRequest())
}

func (r *Registry) genericDeleteCollection(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceDeleteCollectionRequest)
	res, err := r.resource(req.GetType())
	if err != nil {
		return nil, err
	}
	return res.deleteCollection(ctx, req.GetRequest())
}

// unpack reads the object out of an Any.
func (r *Registry) unpack(a *anypb.Any) (*resource, kind.Object, error) {
	if a == nil {
		return nil, nil, apierror.BadRequest("the request holds no object",
			apierror.FieldViolation{Field: "object", Description: "must be set", Reason: "FieldValueRequired"})
	}
	res, err := r.resource(string(a.MessageName()))
	if err != nil {
		return nil, nil, err
	}
	o := res.kind.New()
	if err := proto.Unmarshal(a.GetValue(), o); err != nil {
		return nil, nil, apierror.BadRequest("the object is not the bytes of a " + string(res.kind.Message) + ": " + err.Error())
	}
	return res, o, nil
}

// discover tells what is served.
func (r *Registry) discover() *apiv1.DiscoverResponse {
	resp := &apiv1.DiscoverResponse{}
	for _, res := range r.order {
		info := &apiv1.KindInfo{
			Type: string(res.kind.Message), Options: res.kind.Options, Service: string(res.kind.Service),
		}
		methods := res.kind.ServiceDescriptor().Methods()
		for i := range methods.Len() {
			o := kind.MethodOptions(methods.Get(i))
			if o == nil || o.GetSubresource() != "" {
				continue
			}
			info.Verbs = append(info.Verbs, authz.Word(o.GetVerb()))
		}
		resp.Kinds = append(resp.Kinds, info)
	}
	slices.SortFunc(resp.Kinds, func(a, b *apiv1.KindInfo) int {
		if n := strings.Compare(a.GetOptions().GetApiVersion(), b.GetOptions().GetApiVersion()); n != 0 {
			return n
		}
		return strings.Compare(a.GetOptions().GetKind(), b.GetOptions().GetKind())
	})
	return resp
}
