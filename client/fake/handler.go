package fake

import (
	"io"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Handler serves the API in memory over a real connection: pass it to grpc.UnknownServiceHandler. It is for tests of what
// happens on the way: TLS, several endpoints, connections that break.
func (s *Server) Handler() grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		request, answer, err := messages(method)
		if err != nil {
			return apierror.ToStatus(err)
		}
		if err := stream.RecvMsg(request); err != nil {
			return err
		}
		_, verb, _, err := find(method)
		if watch := err == nil && verb == metav1.Verb_VERB_WATCH; !watch && method != apiv1.ResourceService_Watch_FullMethodName {
			var header metadata.MD
			if err := s.Invoke(stream.Context(), method, request, answer, grpc.Header(&header)); err != nil {
				return err
			}
			if err := stream.SetHeader(header); err != nil {
				return err
			}
			return stream.SendMsg(answer)
		}
		return s.forward(stream, method, request, answer)
	}
}

func (s *Server) forward(stream grpc.ServerStream, method string, request, event proto.Message) error {
	watch, err := s.NewStream(stream.Context(), nil, method)
	if err != nil {
		return err
	}
	if err := watch.SendMsg(request); err != nil {
		return err
	}
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for {
		proto.Reset(event)
		if err := watch.RecvMsg(event); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(event); err != nil {
			return err
		}
	}
}

// messages makes a method's request and answer.
func messages(path string) (request, answer proto.Message, err error) {
	name := protoreflect.FullName("")
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			name = protoreflect.FullName(path[1:i] + "." + path[i+1:])
			break
		}
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	method, ok := found.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		return nil, nil, apierror.Unimplemented("the API in memory does not serve " + path)
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, nil, apierror.Internal(err)
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, nil, apierror.Internal(err)
	}
	return in.New().Interface(), out.New().Interface(), nil
}
