package fake

import (
	"context"
	"fmt"
	"slices"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// generic serves ResourceService's unary calls through the same code as the typed services.
func (s *Server) generic(ctx context.Context, subresource string, request proto.Message) (proto.Message, error) {
	switch r := request.(type) {
	case *apiv1.DiscoverRequest:
		return discover(), nil
	case *apiv1.ResourceServiceGetRequest:
		return s.wrapped(ctx, r.GetType(), metav1.Verb_VERB_GET, r.GetRequest())
	case *apiv1.ResourceServicePatchRequest:
		return s.wrapped(ctx, r.GetType(), metav1.Verb_VERB_PATCH, r.GetRequest())
	case *apiv1.ResourceServiceApplyRequest:
		return s.wrapped(ctx, r.GetType(), metav1.Verb_VERB_APPLY, r.GetRequest())
	case *apiv1.ResourceServiceDeleteRequest:
		k, err := byType(r.GetType())
		if err != nil {
			return nil, err
		}
		return s.do(ctx, k, metav1.Verb_VERB_DELETE, "", r.GetRequest())
	case *apiv1.ResourceServiceDeleteCollectionRequest:
		k, err := byType(r.GetType())
		if err != nil {
			return nil, err
		}
		return s.do(ctx, k, metav1.Verb_VERB_DELETE_COLLECTION, "", r.GetRequest())
	case *apiv1.ResourceServiceListRequest:
		return s.genericList(ctx, r)
	case *apiv1.ResourceServiceCreateRequest:
		return s.genericWrite(ctx, metav1.Verb_VERB_CREATE, "", r.GetObject(), r.GetOptions())
	case *apiv1.ResourceServiceUpdateRequest:
		return s.genericWrite(ctx, metav1.Verb_VERB_UPDATE, subresource, r.GetObject(), r.GetOptions())
	case *apiv1.ResourceServiceBatchRequest:
		return s.batch(ctx, r)
	}
	return nil, apierror.Unimplemented(fmt.Sprintf("the API in memory does not serve %T", request))
}

func byType(name string) (*kind.Kind, error) {
	if k := kind.ByMessage(protoreflect.FullName(name)); k != nil {
		return k, nil
	}
	return nil, apierror.BadRequest("there is no kind " + name)
}

func (s *Server) wrapped(ctx context.Context, typeName string, verb metav1.Verb, request proto.Message) (proto.Message, error) {
	k, err := byType(typeName)
	if err != nil {
		return nil, err
	}
	answer, err := s.do(ctx, k, verb, "", request)
	if err != nil {
		return nil, err
	}
	return anypb.New(answer)
}

func (s *Server) genericList(ctx context.Context, r *apiv1.ResourceServiceListRequest) (proto.Message, error) {
	k, err := byType(r.GetType())
	if err != nil {
		return nil, err
	}
	list, err := s.do(ctx, k, metav1.Verb_VERB_LIST, "", r.GetRequest())
	if err != nil {
		return nil, err
	}
	m := list.ProtoReflect()
	response := &apiv1.ResourceServiceListResponse{Metadata: m.Get(m.Descriptor().Fields().ByName("metadata")).Message().Interface().(*metav1.ListMeta)}
	items := m.Get(m.Descriptor().Fields().ByName("items")).List()
	for i := range items.Len() {
		packed, err := anypb.New(items.Get(i).Message().Interface())
		if err != nil {
			return nil, apierror.Internal(err)
		}
		response.Items = append(response.Items, packed)
	}
	return response, nil
}

func (s *Server) genericWrite(ctx context.Context, verb metav1.Verb, subresource string, packed *anypb.Any, options proto.Message) (proto.Message, error) {
	message, err := packed.UnmarshalNew()
	if err != nil {
		return nil, apierror.BadRequest("object: " + err.Error())
	}
	object, ok := message.(kind.Object)
	if !ok || kind.Of(object) == nil {
		return nil, apierror.BadRequest(packed.GetTypeUrl() + " is no kind")
	}
	k := kind.Of(object)
	if k.Method(verb, subresource) == nil {
		return nil, apierror.BadRequest(k.String() + " have no " + subresource)
	}
	request, _, err := messages(k.MethodName(verb, subresource))
	if err != nil {
		return nil, err
	}
	m := request.ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("object"), protoreflect.ValueOfMessage(object.ProtoReflect()))
	if options.ProtoReflect().IsValid() {
		m.Set(m.Descriptor().Fields().ByName("options"), protoreflect.ValueOfMessage(options.ProtoReflect()))
	}
	stored, err := s.do(ctx, k, verb, subresource, request)
	if err != nil {
		return nil, err
	}
	return anypb.New(stored)
}

func discover() *apiv1.DiscoverResponse {
	response := &apiv1.DiscoverResponse{}
	for _, k := range kind.All() {
		info := &apiv1.KindInfo{Type: string(k.Message), Options: k.Options, Service: string(k.Service)}
		for verb, word := range map[metav1.Verb]string{
			metav1.Verb_VERB_GET: "get", metav1.Verb_VERB_LIST: "list", metav1.Verb_VERB_WATCH: "watch", metav1.Verb_VERB_CREATE: "create",
			metav1.Verb_VERB_UPDATE: "update", metav1.Verb_VERB_PATCH: "patch", metav1.Verb_VERB_APPLY: "apply", metav1.Verb_VERB_DELETE: "delete",
			metav1.Verb_VERB_DELETE_COLLECTION: "deletecollection",
		} {
			if k.Method(verb, "") != nil {
				info.Verbs = append(info.Verbs, word)
			}
		}
		slices.Sort(info.Verbs)
		response.Kinds = append(response.Kinds, info)
	}
	return response
}
