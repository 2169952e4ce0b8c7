package client

import (
	"context"
	"io"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Event is one change of a collection.
type Event[T kind.Object] struct {
	Type metav1.EventType
	// Object is the object after the change, as it last was for a deletion, and holds only a resourceVersion for a bookmark.
	Object T
}

// Watch is a stream of events. One goroutine may receive; Stop may be called by any.
type Watch[T kind.Object] struct {
	stream   grpc.ClientStream
	stop     context.CancelFunc
	response protoreflect.MessageType
}

// Watch follows a collection. Without options.resource_version it begins with an ADDED event for each existing object;
// with one, it tells what happened after that revision, or fails with Expired when that is no longer known.
// It ends when ctx does, on Stop, or when the server ends it: then Recv returns io.EOF and the caller resumes.
func (r *Resource[T]) Watch(ctx context.Context, namespace string, options *metav1.ListOptions) (*Watch[T], error) {
	method := r.kind.Method(metav1.Verb_VERB_WATCH, "")
	if method == nil {
		return nil, r.unsupported(metav1.Verb_VERB_WATCH, "")
	}
	response, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, apierror.Internal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	stream, err := r.client.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, r.kind.MethodName(metav1.Verb_VERB_WATCH, ""))
	if err != nil {
		stop()
		return nil, apierror.FromStatus(err)
	}
	if err := stream.SendMsg(&metav1.WatchRequest{Namespace: namespace, Options: options}); err != nil {
		// The status of a stream that the server has ended already comes with the next receive.
		if err == io.EOF {
			err = stream.RecvMsg(response.New().Interface())
		}
		stop()
		return nil, apierror.FromStatus(err)
	}
	if err := stream.CloseSend(); err != nil {
		stop()
		return nil, apierror.FromStatus(err)
	}
	// The header says that the watch stands: whatever happens from now on is told. An error comes with the first event.
	_, _ = stream.Header()
	return &Watch[T]{stream: stream, stop: stop, response: response}, nil
}

// Recv returns the next event, io.EOF when the server ended the watch in good order, or an *apierror.Error.
func (w *Watch[T]) Recv() (Event[T], error) {
	m := w.response.New()
	if err := w.stream.RecvMsg(m.Interface()); err != nil {
		w.stop()
		if err == io.EOF {
			return Event[T]{}, io.EOF
		}
		return Event[T]{}, apierror.FromStatus(err)
	}
	fields := m.Descriptor().Fields()
	return Event[T]{
		Type:   metav1.EventType(m.Get(fields.ByName("type")).Enum()),
		Object: m.Mutable(fields.ByName("object")).Message().Interface().(T),
	}, nil
}

// Stop ends the watch.
func (w *Watch[T]) Stop() { w.stop() }
