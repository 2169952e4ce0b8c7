package client

import (
	"context"
	"fmt"
	"io"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Any reads and writes objects of one kind through ResourceService, packed, so that a program can handle kinds it was not
// compiled with: those of a newer server. Pack, Unpack and MetadataOf go between packed objects and messages. It may be used
// concurrently. Errors are *apierror.Error.
type Any struct {
	api      apiv1.ResourceServiceClient
	typeName string
}

// AnyOf gives access to the kind whose message has that full name, e.g. kaji.core.v1.Pod; Discovery.Lookup finds it from a word.
func AnyOf(c *Client, typeName string) *Any {
	return &Any{api: apiv1.NewResourceServiceClient(c.conn), typeName: typeName}
}

// Type is the full name of the kind's message.
func (a *Any) Type() string { return a.typeName }

// Get reads one object.
func (a *Any) Get(ctx context.Context, namespace, name string) (*anypb.Any, error) {
	return a.GetWith(ctx, namespace, name, nil)
}

// GetWith reads one object with options: how fresh the answer must be.
func (a *Any) GetWith(ctx context.Context, namespace, name string, options *metav1.GetOptions) (*anypb.Any, error) {
	request := &metav1.GetRequest{Namespace: namespace, Name: name, Options: options}
	return packed(a.api.Get(ctx, &apiv1.ResourceServiceGetRequest{Type: a.typeName, Request: request}))
}

// List reads the objects of a namespace, or of all namespaces when it is empty, as Resource.List does.
func (a *Any) List(ctx context.Context, namespace string, options *metav1.ListOptions) ([]*anypb.Any, *metav1.ListMeta, error) {
	list, err := a.api.List(ctx, &apiv1.ResourceServiceListRequest{Type: a.typeName, Request: &metav1.ListRequest{Namespace: namespace, Options: options}})
	if err != nil {
		return nil, nil, apierror.FromStatus(err)
	}
	meta := list.GetMetadata()
	if meta == nil {
		meta = &metav1.ListMeta{}
	}
	return list.GetItems(), meta, nil
}

// Create stores a new object.
func (a *Any) Create(ctx context.Context, object *anypb.Any, options *metav1.CreateOptions) (*anypb.Any, error) {
	if err := a.fits(object); err != nil {
		return nil, err
	}
	return packed(a.api.Create(ctx, &apiv1.ResourceServiceCreateRequest{Object: object, Options: options}))
}

// Update replaces an object; the status is left alone.
func (a *Any) Update(ctx context.Context, object *anypb.Any, options *metav1.UpdateOptions) (*anypb.Any, error) {
	if err := a.fits(object); err != nil {
		return nil, err
	}
	return packed(a.api.Update(ctx, &apiv1.ResourceServiceUpdateRequest{Object: object, Options: options}))
}

// UpdateStatus replaces the status of an object and leaves the rest.
func (a *Any) UpdateStatus(ctx context.Context, object *anypb.Any, options *metav1.UpdateOptions) (*anypb.Any, error) {
	if err := a.fits(object); err != nil {
		return nil, err
	}
	return packed(a.api.UpdateStatus(ctx, &apiv1.ResourceServiceUpdateRequest{Object: object, Options: options}))
}

// Patch changes a part of an object.
func (a *Any) Patch(ctx context.Context, request *metav1.PatchRequest) (*anypb.Any, error) {
	return packed(a.api.Patch(ctx, &apiv1.ResourceServicePatchRequest{Type: a.typeName, Request: request}))
}

// Apply sets the fields that a manager declares, as Resource.Apply does.
func (a *Any) Apply(ctx context.Context, namespace, name string, declared []byte, options *metav1.ApplyOptions) (*anypb.Any, error) {
	request := &metav1.ApplyRequest{Namespace: namespace, Name: name, Patch: declared, Options: options}
	return packed(a.api.Apply(ctx, &apiv1.ResourceServiceApplyRequest{Type: a.typeName, Request: request}))
}

// Delete removes an object, or begins to.
func (a *Any) Delete(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error {
	request := &metav1.DeleteRequest{Namespace: namespace, Name: name, Options: options}
	_, err := a.api.Delete(ctx, &apiv1.ResourceServiceDeleteRequest{Type: a.typeName, Request: request})
	return apierror.FromStatus(err)
}

// DeleteCollection removes the objects that list selects, as Resource.DeleteCollection does. The answer holds a continue token
// when list.limit left some out.
func (a *Any) DeleteCollection(ctx context.Context, namespace string, options *metav1.DeleteOptions, list *metav1.ListOptions) (*metav1.Status, error) {
	request := &metav1.DeleteCollectionRequest{Namespace: namespace, ListOptions: list, Options: options}
	status, err := a.api.DeleteCollection(ctx, &apiv1.ResourceServiceDeleteCollectionRequest{Type: a.typeName, Request: request})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return status, nil
}

// AnyEvent is one change of a collection; see Event.
type AnyEvent struct {
	Type   metav1.EventType
	Object *anypb.Any
}

// AnyWatch is a stream of events. One goroutine may receive; Stop may be called by any.
type AnyWatch struct {
	stream grpc.ServerStreamingClient[apiv1.ResourceServiceWatchResponse]
	stop   context.CancelFunc
}

// Watch follows a collection, as Resource.Watch does.
func (a *Any) Watch(ctx context.Context, namespace string, options *metav1.ListOptions) (*AnyWatch, error) {
	ctx, stop := context.WithCancel(ctx)
	stream, err := a.api.Watch(ctx, &apiv1.ResourceServiceWatchRequest{Type: a.typeName, Request: &metav1.WatchRequest{Namespace: namespace, Options: options}})
	if err != nil {
		stop()
		return nil, apierror.FromStatus(err)
	}
	_, _ = stream.Header() // The watch stands; an error comes with the first event.
	return &AnyWatch{stream: stream, stop: stop}, nil
}

// Recv returns the next event, io.EOF when the server ended the watch in good order, or an *apierror.Error.
func (w *AnyWatch) Recv() (AnyEvent, error) {
	e, err := w.stream.Recv()
	if err != nil {
		w.stop()
		if err == io.EOF {
			return AnyEvent{}, io.EOF
		}
		return AnyEvent{}, apierror.FromStatus(err)
	}
	return AnyEvent{Type: e.GetType(), Object: e.GetObject()}, nil
}

// Stop ends the watch.
func (w *AnyWatch) Stop() { w.stop() }

func (a *Any) fits(object *anypb.Any) error {
	if name := object.MessageName(); string(name) != a.typeName {
		return apierror.BadRequest(fmt.Sprintf("the object is a %q, want a %s", name, a.typeName))
	}
	return nil
}

func packed(object *anypb.Any, err error) (*anypb.Any, error) {
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return object, nil
}

// Pack makes a packed object of a message.
func Pack(o kind.Object) (*anypb.Any, error) {
	a, err := anypb.New(o)
	if err != nil {
		return nil, apierror.BadRequest("the object cannot be encoded: " + err.Error())
	}
	return a, nil
}

// Unpack makes a message of a packed object. Its kind must be one that this program was compiled with; for others there is MetadataOf.
func Unpack(a *anypb.Any) (kind.Object, error) {
	k := kind.ByMessage(a.MessageName())
	if k == nil {
		return nil, apierror.BadRequest(fmt.Sprintf("this program does not know the kind %q", a.MessageName()))
	}
	o := k.New()
	if err := proto.Unmarshal(a.GetValue(), o); err != nil {
		return nil, apierror.BadRequest(fmt.Sprintf("the object is not the bytes of a %s: %v", k.Message, err))
	}
	return o, nil
}

// metadataField is the number of the field metadata in the message of every kind.
const metadataField protowire.Number = 1

// MetadataOf reads the metadata of a packed object of any kind, also one that this program was not compiled with.
func MetadataOf(a *anypb.Any) (*metav1.ObjectMeta, error) {
	m := &metav1.ObjectMeta{}
	for b := a.GetValue(); len(b) > 0; {
		number, wire, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, apierror.BadRequest("the object cannot be read: " + protowire.ParseError(n).Error())
		}
		b = b[n:]
		if number == metadataField && wire == protowire.BytesType {
			field, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return nil, apierror.BadRequest("the object cannot be read: " + protowire.ParseError(n).Error())
			}
			if err := (proto.UnmarshalOptions{Merge: true}).Unmarshal(field, m); err != nil {
				return nil, apierror.BadRequest("the object's metadata cannot be read: " + err.Error())
			}
			b = b[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, wire, b); n < 0 {
			return nil, apierror.BadRequest("the object cannot be read: " + protowire.ParseError(n).Error())
		}
		b = b[n:]
	}
	return m, nil
}
