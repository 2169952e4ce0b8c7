package client

import (
	"context"
	"fmt"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Resource reads and writes the objects of one kind through its typed service.
type Resource[T kind.Object] struct {
	client *Client
	kind   *kind.Kind
}

// Of gives access to the kind whose message T is, e.g. Of[*corev1.Pod](c). It panics when T is no kind: that is a
// mistake in the program, not in its input.
func Of[T kind.Object](c *Client) *Resource[T] {
	var zero T
	k := kind.Of(zero)
	if k == nil {
		panic(fmt.Sprintf("client: %T is not a kind", zero))
	}
	return &Resource[T]{client: c, kind: k}
}

// ForKind gives access to a kind of the catalogue, for code that treats all kinds alike.
func ForKind(c *Client, k *kind.Kind) *Resource[kind.Object] {
	return &Resource[kind.Object]{client: c, kind: k}
}

// Kind is the catalogue entry.
func (r *Resource[T]) Kind() *kind.Kind { return r.kind }

// Get reads one object. The namespace of cluster-wide kinds is empty.
func (r *Resource[T]) Get(ctx context.Context, namespace, name string) (T, error) {
	return r.GetWith(ctx, namespace, name, nil)
}

// GetWith reads one object with options: how fresh the answer must be.
func (r *Resource[T]) GetWith(ctx context.Context, namespace, name string, options *metav1.GetOptions) (T, error) {
	return r.object(ctx, metav1.Verb_VERB_GET, "", &metav1.GetRequest{Namespace: namespace, Name: name, Options: options})
}

// List reads the objects of a namespace, or of all namespaces when it is empty, at one revision (ListMeta.resource_version).
// With options.limit, ListMeta.continue is the token of the next page.
func (r *Resource[T]) List(ctx context.Context, namespace string, options *metav1.ListOptions) ([]T, *metav1.ListMeta, error) {
	list := r.kind.NewList()
	if err := r.invoke(ctx, metav1.Verb_VERB_LIST, "", &metav1.ListRequest{Namespace: namespace, Options: options}, list); err != nil {
		return nil, nil, err
	}
	m := list.ProtoReflect()
	values := m.Get(m.Descriptor().Fields().ByName("items")).List()
	items := make([]T, values.Len())
	for i := range items {
		items[i] = values.Get(i).Message().Interface().(T)
	}
	meta, _ := m.Get(m.Descriptor().Fields().ByName("metadata")).Message().Interface().(*metav1.ListMeta)
	if meta == nil {
		meta = &metav1.ListMeta{}
	}
	return items, meta, nil
}

// Create stores a new object and returns it as stored.
func (r *Resource[T]) Create(ctx context.Context, object T) (T, error) {
	return r.CreateWith(ctx, object, nil)
}

// CreateWith creates with options: field manager, dry run.
func (r *Resource[T]) CreateWith(ctx context.Context, object T, options *metav1.CreateOptions) (T, error) {
	return r.write(ctx, metav1.Verb_VERB_CREATE, "", object, options)
}

// Update replaces an object; when it has a resourceVersion, only if it is still that one. The status is left alone.
func (r *Resource[T]) Update(ctx context.Context, object T) (T, error) {
	return r.UpdateWith(ctx, object, nil)
}

// UpdateWith updates with options: field manager, dry run.
func (r *Resource[T]) UpdateWith(ctx context.Context, object T, options *metav1.UpdateOptions) (T, error) {
	return r.write(ctx, metav1.Verb_VERB_UPDATE, "", object, options)
}

// UpdateStatus replaces the status of an object and leaves the rest.
func (r *Resource[T]) UpdateStatus(ctx context.Context, object T) (T, error) {
	return r.UpdateStatusWith(ctx, object, nil)
}

// UpdateStatusWith updates the status with options: field manager, dry run.
func (r *Resource[T]) UpdateStatusWith(ctx context.Context, object T, options *metav1.UpdateOptions) (T, error) {
	return r.write(ctx, metav1.Verb_VERB_UPDATE, "status", object, options)
}

// Patch changes a part of an object. The patch is JSON in Kubernetes' form of the kind.
func (r *Resource[T]) Patch(ctx context.Context, namespace, name string, t metav1.PatchType, patch []byte, subresource string) (T, error) {
	return r.PatchWith(ctx, &metav1.PatchRequest{Namespace: namespace, Name: name, Type: t, Patch: patch, Subresource: subresource})
}

// PatchWith sends a whole patch request, with options.
func (r *Resource[T]) PatchWith(ctx context.Context, request *metav1.PatchRequest) (T, error) {
	return r.object(ctx, metav1.Verb_VERB_PATCH, "", request)
}

// Apply sets the fields that declared, a manifest in YAML or JSON, has, and gives up those that the manager declared before; the
// object is created when there is none. A field that another manager has set to another value is a Conflict whose
// violations name field and manager, unless options.force takes it over. options.field_manager is required.
func (r *Resource[T]) Apply(ctx context.Context, namespace, name string, declared []byte, options *metav1.ApplyOptions) (T, error) {
	return r.object(ctx, metav1.Verb_VERB_APPLY, "", &metav1.ApplyRequest{Namespace: namespace, Name: name, Patch: declared, Options: options})
}

// Delete removes an object, or marks it for removal when something must be done first (grace period, finalizers).
func (r *Resource[T]) Delete(ctx context.Context, namespace, name string, options *metav1.DeleteOptions) error {
	return r.invoke(ctx, metav1.Verb_VERB_DELETE, "", &metav1.DeleteRequest{Namespace: namespace, Name: name, Options: options}, &metav1.Status{})
}

// DeleteCollection removes the objects of a namespace (of all namespaces when it is empty) that list selects, all of them when it is
// nil; each as Delete does. One that cannot be removed does not keep the others; the error is that of the first.
func (r *Resource[T]) DeleteCollection(ctx context.Context, namespace string, options *metav1.DeleteOptions, list *metav1.ListOptions) error {
	request := &metav1.DeleteCollectionRequest{Namespace: namespace, ListOptions: list, Options: options}
	return r.invoke(ctx, metav1.Verb_VERB_DELETE_COLLECTION, "", request, &metav1.Status{})
}

func (r *Resource[T]) object(ctx context.Context, verb metav1.Verb, subresource string, request proto.Message) (T, error) {
	answer := r.kind.New()
	if err := r.invoke(ctx, verb, subresource, request, answer); err != nil {
		var zero T
		return zero, err
	}
	return answer.(T), nil
}

// write builds the method's own request message, whose fields are object and options.
func (r *Resource[T]) write(ctx context.Context, verb metav1.Verb, subresource string, object T, options proto.Message) (T, error) {
	request, err := r.request(verb, subresource)
	if err != nil {
		var zero T
		return zero, err
	}
	fields := request.Descriptor().Fields()
	request.Set(fields.ByName("object"), protoreflect.ValueOfMessage(object.ProtoReflect()))
	if options != nil && options.ProtoReflect().IsValid() {
		request.Set(fields.ByName("options"), protoreflect.ValueOfMessage(options.ProtoReflect()))
	}
	return r.object(ctx, verb, subresource, request.Interface())
}

func (r *Resource[T]) request(verb metav1.Verb, subresource string) (protoreflect.Message, error) {
	method := r.kind.Method(verb, subresource)
	if method == nil {
		return nil, r.unsupported(verb, subresource)
	}
	message, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return message.New(), nil
}

func (r *Resource[T]) invoke(ctx context.Context, verb metav1.Verb, subresource string, request, answer proto.Message) error {
	method := r.kind.MethodName(verb, subresource)
	if method == "" {
		return r.unsupported(verb, subresource)
	}
	if err := r.client.conn.Invoke(ctx, method, request, answer); err != nil {
		return apierror.FromStatus(err)
	}
	return nil
}

func (r *Resource[T]) unsupported(verb metav1.Verb, subresource string) error {
	return apierror.BadRequest(fmt.Sprintf("%s has no method for %s %s", r.kind, verb, subresource))
}

// Client is the connection that the resource goes through.
func (r *Resource[T]) Client() *Client { return r.client }
