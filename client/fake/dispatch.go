package fake

import (
	"context"
	"fmt"
	"strings"
	"time"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// genericService begins the methods of ResourceService.
const genericService = "/kaji.api.v1.ResourceService/"

// Invoke serves a unary call.
func (s *Server) Invoke(ctx context.Context, method string, args, reply any, options ...grpc.CallOption) error {
	if err := ctx.Err(); err != nil {
		return apierror.ToStatus(apierror.FromStatus(err))
	}
	answer, err := s.serve(ctx, method, args.(proto.Message))
	if err != nil {
		return apierror.ToStatus(err)
	}
	proto.Reset(reply.(proto.Message))
	proto.Merge(reply.(proto.Message), answer)
	s.warn(answer, options)
	return nil
}

// warn puts what the test wants warned of into the header, where the caller wants to see it.
func (s *Server) warn(answer proto.Message, options []grpc.CallOption) {
	s.mu.Lock()
	warnings := s.warnings
	s.mu.Unlock()
	if packed, ok := answer.(*anypb.Any); ok {
		answer, _ = packed.UnmarshalNew()
	}
	object, ok := answer.(kind.Object)
	if warnings == nil || !ok {
		return
	}
	for _, o := range options {
		if header, ok := o.(grpc.HeaderCallOption); ok {
			for _, text := range warnings(object) {
				if *header.HeaderAddr == nil {
					*header.HeaderAddr = metadata.MD{}
				}
				header.HeaderAddr.Append("kaji-warning", text)
			}
		}
	}
}

func (s *Server) serve(ctx context.Context, method string, request proto.Message) (proto.Message, error) {
	if strings.HasPrefix(method, genericService) {
		subresource := ""
		if method == apiv1.ResourceService_UpdateStatus_FullMethodName {
			subresource = "status"
		}
		return s.generic(ctx, subresource, request)
	}
	k, verb, subresource, err := find(method)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, k, verb, subresource, request)
}

func (s *Server) do(ctx context.Context, k *kind.Kind, verb metav1.Verb, subresource string, request proto.Message) (proto.Message, error) {
	if err := s.intercepted(ctx, k, verb, subresource, request); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r := request.(type) {
	case *metav1.GetRequest:
		if subresource == "scale" {
			return s.getScale(k, r.GetNamespace(), r.GetName())
		}
		return s.get(k, r)
	case *metav1.ListRequest:
		return s.list(k, r)
	case *metav1.PatchRequest:
		return s.patch(k, r)
	case *metav1.ApplyRequest:
		return s.apply(k, r)
	case *metav1.DeleteRequest:
		return s.delete(k, r)
	case *metav1.DeleteCollectionRequest:
		return s.deleteCollection(k, r)
	case *corev1.BindPodsRequest:
		return s.bind(r), nil
	case *corev1.EvictPodRequest:
		return s.evict(r)
	}
	if subresource == "scale" {
		return s.updateScale(k, request)
	}
	object, options := body(request)
	if object == nil {
		return nil, apierror.BadRequest("no object given")
	}
	switch {
	case verb == metav1.Verb_VERB_CREATE && subresource == "":
		return s.create(k, object, options)
	case verb == metav1.Verb_VERB_UPDATE:
		return s.update(k, object, subresource, options)
	}
	return nil, apierror.Unimplemented(fmt.Sprintf("the API in memory does not serve %s %s of %s", verb, subresource, k))
}

// get reads one object. What there is is always the newest. Callers hold mu.
func (s *Server) get(k *kind.Kind, r *metav1.GetRequest) (kind.Object, error) {
	if err := named(k, r.GetNamespace(), r.GetName()); err != nil {
		return nil, err
	}
	if err := s.reached(r.GetOptions().GetResourceVersion()); err != nil {
		return nil, err
	}
	return s.lookup(k, r.GetNamespace(), r.GetName())
}

// reached tells whether a revision has come to be. Callers hold mu.
func (s *Server) reached(version string) error {
	revision, err := parseVersion(version)
	if err == nil && revision > s.revision {
		err = &apierror.Error{Reason: apierror.ReasonTimeout, Message: "resourceVersion " + version + " is larger than any seen here", RetryAfter: time.Second}
	}
	return err
}

func (s *Server) intercepted(ctx context.Context, k *kind.Kind, verb metav1.Verb, subresource string, request proto.Message) error {
	s.mu.Lock()
	interceptors := s.interceptors
	s.mu.Unlock()
	if len(interceptors) == 0 {
		return nil
	}
	call := Call{Kind: k, Verb: verb, Subresource: subresource}
	if named, ok := request.(interface{ GetName() string }); ok {
		call.Name = named.GetName()
	}
	if scoped, ok := request.(interface{ GetNamespace() string }); ok {
		call.Namespace = scoped.GetNamespace()
	}
	if object, _ := body(request); object != nil {
		call.Object = object
		call.Namespace, call.Name = object.GetMetadata().GetNamespace(), object.GetMetadata().GetName()
	}
	for _, f := range interceptors {
		if err := f(ctx, call); err != nil {
			return err
		}
	}
	return nil
}

// find tells what a method of a typed service does.
func find(method string) (*kind.Kind, metav1.Verb, string, error) {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	for _, k := range kind.All() {
		if string(k.Service) != service {
			continue
		}
		if m := k.ServiceDescriptor().Methods().ByName(protoreflect.Name(name)); m != nil {
			o := kind.MethodOptions(m)
			return k, o.GetVerb(), o.GetSubresource(), nil
		}
	}
	return nil, 0, "", apierror.Unimplemented("the API in memory does not serve " + method)
}

// body takes the object out of a create or update request.
func body(request proto.Message) (object kind.Object, options writeOptions) {
	m := request.ProtoReflect()
	field := m.Descriptor().Fields().ByName("object")
	if field == nil || !m.Has(field) {
		return nil, options
	}
	object, _ = m.Get(field).Message().Interface().(kind.Object)
	if field := m.Descriptor().Fields().ByName("options"); field != nil {
		if o, ok := m.Get(field).Message().Interface().(interface{ GetDryRun() []string }); ok {
			options = optionsOf(o)
		}
	}
	return object, options
}
