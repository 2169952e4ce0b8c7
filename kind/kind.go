// Package kind is the catalogue of resource kinds, read from the descriptors of gen/.
//
// It owns the answer to "which kinds are there, what are they called, where are they stored, which
// method does what to them". It holds no objects and talks to nobody. Everything in it is immutable
// after package initialisation of gen/ and may be used concurrently.
package kind

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// Object is a message that is a resource.
type Object interface {
	proto.Message
	GetMetadata() *metav1.ObjectMeta
}

// Kind is one resource kind.
type Kind struct {
	// Message is the full name of its message, e.g. kaji.core.v1.Pod.
	Message protoreflect.FullName
	// Service is the full name of its typed service, e.g. kaji.core.v1.PodService.
	Service protoreflect.FullName
	// Group is the API group without version; empty for the core group.
	Group string
	// Version is the API version without group, e.g. v1.
	Version string
	// Options is what the message says of itself. Read only.
	Options *metav1.ResourceOptions

	message protoreflect.MessageType
	list    protoreflect.MessageType
	service protoreflect.ServiceDescriptor
	methods map[method]protoreflect.MethodDescriptor

	stored   *Kind
	versions []*Kind // of the stored one: all
}

type method struct {
	verb        metav1.Verb
	subresource string
}

// New makes an empty object of the kind.
func (k *Kind) New() Object { return k.message.New().Interface().(Object) }

// NewList makes an empty list message of the kind, e.g. *corev1.PodList.
func (k *Kind) NewList() proto.Message { return k.list.New().Interface() }

// Name is the kind as written in manifests, e.g. Pod.
func (k *Kind) Name() string { return k.Options.GetKind() }

// APIVersion is the group and version as written in manifests, e.g. apps/v1.
func (k *Kind) APIVersion() string { return k.Options.GetApiVersion() }

// Stored is the version of the kind as which its objects are stored: most kinds have one version, and are it.
func (k *Kind) Stored() *Kind { return k.stored }

// Versions are all versions of the kind, the stored one first. The caller must not change the slice.
func (k *Kind) Versions() []*Kind { return k.stored.versions }

// OfVersion is the version of the kind with that name, e.g. v1; nil when there is none.
func (k *Kind) OfVersion(version string) *Kind {
	for _, v := range k.stored.versions {
		if v.Version == version {
			return v
		}
	}
	return nil
}

// Plural is the lower-case plural, e.g. pods.
func (k *Kind) Plural() string { return k.Options.GetPlural() }

// Namespaced says whether objects of the kind live in namespaces.
func (k *Kind) Namespaced() bool { return k.Options.GetNamespaced() }

// String is the plural with its group, e.g. pods.core, deployments.apps.
func (k *Kind) String() string { return k.Plural() + "." + k.group() }

func (k *Kind) group() string {
	if k.Group == "" {
		return "core"
	}
	return k.Group
}

// ServiceDescriptor describes the kind's typed service.
func (k *Kind) ServiceDescriptor() protoreflect.ServiceDescriptor { return k.service }

// Method finds the method of the typed service for a verb; nil when the kind has none.
func (k *Kind) Method(verb metav1.Verb, subresource string) protoreflect.MethodDescriptor {
	return k.methods[method{verb, subresource}]
}

// MethodName is the gRPC path of a method, e.g. /kaji.core.v1.PodService/GetPod; empty when the kind has none.
func (k *Kind) MethodName(verb metav1.Verb, subresource string) string {
	m := k.Method(verb, subresource)
	if m == nil {
		return ""
	}
	return "/" + string(k.Service) + "/" + string(m.Name())
}

// clusterWide stands where a key has a namespace otherwise.
const clusterWide = "-"

// Prefix is what the store keys of all objects of the kind begin with.
func (k *Kind) Prefix() string { return "/" + k.String() + "/" }

// NamespacePrefix is what the keys of the kind's objects in one namespace begin with; all of them for an empty namespace.
func (k *Kind) NamespacePrefix(namespace string) string {
	if namespace == "" || !k.Namespaced() {
		return k.Prefix()
	}
	return k.Prefix() + namespace + "/"
}

// Key is the store key of one object.
func (k *Kind) Key(namespace, name string) string {
	if !k.Namespaced() {
		namespace = clusterWide
	}
	return k.Prefix() + namespace + "/" + name
}

// Metadata returns the object's metadata, and gives it some when it has none.
func Metadata(o Object) *metav1.ObjectMeta {
	if m := o.GetMetadata(); m != nil {
		return m
	}
	r := o.ProtoReflect()
	fd := r.Descriptor().Fields().ByName("metadata")
	return r.Mutable(fd).Message().Interface().(*metav1.ObjectMeta)
}

// FullName is namespace/name, or the name alone for cluster-wide objects.
func FullName(o Object) string {
	m := o.GetMetadata()
	if m.GetNamespace() == "" {
		return m.GetName()
	}
	return m.GetNamespace() + "/" + m.GetName()
}

func splitAPIVersion(s string) (group, version string) {
	if g, v, ok := strings.Cut(s, "/"); ok {
		return g, v
	}
	return "", s
}
