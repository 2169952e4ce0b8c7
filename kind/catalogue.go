package kind

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// The groups whose kinds the catalogue holds.
	_ "kaji.dev/kaji/gen/kaji/apps/v1"
	_ "kaji.dev/kaji/gen/kaji/autoscaling/v2"
	_ "kaji.dev/kaji/gen/kaji/batch/v1"
	_ "kaji.dev/kaji/gen/kaji/coordination/v1"
	_ "kaji.dev/kaji/gen/kaji/core/v1"
	_ "kaji.dev/kaji/gen/kaji/discovery/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	_ "kaji.dev/kaji/gen/kaji/networking/v1"
	_ "kaji.dev/kaji/gen/kaji/node/v1"
	_ "kaji.dev/kaji/gen/kaji/policy/v1"
	_ "kaji.dev/kaji/gen/kaji/rbac/v1"
	_ "kaji.dev/kaji/gen/kaji/scheduling/v1"
	_ "kaji.dev/kaji/gen/kaji/storage/v1"
)

type catalogue struct {
	all       []*Kind // the stored version of each
	versions  []*Kind // every version of each
	byMessage map[protoreflect.FullName]*Kind
	byGVK     map[[2]string]*Kind
	byWord    map[string]*Kind
}

// load reads the descriptors once. A descriptor that contradicts itself is a mistake in proto/, found by
// any test that touches a kind, hence the panic.
var load = sync.OnceValue(func() *catalogue {
	c := &catalogue{
		byMessage: map[protoreflect.FullName]*Kind{},
		byGVK:     map[[2]string]*Kind{},
		byWord:    map[string]*Kind{},
	}
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if o := resourceOptions(mt.Descriptor()); o != nil {
			c.versions = append(c.versions, newKind(mt, o))
		}
		return true
	})
	slices.SortFunc(c.versions, func(a, b *Kind) int {
		// The core group comes first, so that its words win over those of other groups; so do those of the version that is stored.
		return cmp.Or(
			cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name(), b.Name()),
			cmp.Compare(a.Options.GetStoredAs(), b.Options.GetStoredAs()), cmp.Compare(a.Version, b.Version),
		)
	})
	for _, k := range c.versions {
		c.byMessage[k.Message] = k
	}
	for _, k := range c.versions {
		if k.stored = storedVersion(c, k); k.stored == k {
			c.all = append(c.all, k)
		}
		k.stored.versions = append(k.stored.versions, k)
		c.byGVK[[2]string{k.APIVersion(), k.Name()}] = k
		words := append([]string{
			k.Plural(), k.Options.GetSingular(), strings.ToLower(k.Name()), k.String(),
			k.Options.GetSingular() + "." + k.group(), k.Plural() + "." + k.Version + "." + k.group(),
		}, k.Options.GetShortNames()...)
		for _, w := range words {
			if _, taken := c.byWord[w]; !taken {
				c.byWord[w] = k
			}
		}
	}
	return c
})

func resourceOptions(d protoreflect.MessageDescriptor) *metav1.ResourceOptions {
	if !proto.HasExtension(d.Options(), metav1.E_Resource) {
		return nil
	}
	return proto.GetExtension(d.Options(), metav1.E_Resource).(*metav1.ResourceOptions)
}

func newKind(mt protoreflect.MessageType, o *metav1.ResourceOptions) *Kind {
	name := mt.Descriptor().FullName()
	k := &Kind{Message: name, Service: name + "Service", Options: o, message: mt, methods: map[method]protoreflect.MethodDescriptor{}}
	k.Group, k.Version = splitAPIVersion(o.GetApiVersion())
	list, err := protoregistry.GlobalTypes.FindMessageByName(name + "List")
	if err != nil {
		panic(fmt.Sprintf("kind %s has no list message: %v", name, err))
	}
	k.list = list
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(k.Service)
	if err != nil {
		panic(fmt.Sprintf("kind %s has no service: %v", name, err))
	}
	k.service = d.(protoreflect.ServiceDescriptor)
	methods := k.service.Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		if o := MethodOptions(m); o != nil {
			k.methods[method{o.GetVerb(), o.GetSubresource()}] = m
		}
	}
	return k
}

// storedVersion finds the version of a kind that is stored.
func storedVersion(c *catalogue, k *Kind) *Kind {
	as := k.Options.GetStoredAs()
	if as == "" {
		return k
	}
	stored := c.byMessage[protoreflect.FullName(as)]
	switch {
	case stored == nil:
		panic(fmt.Sprintf("kind %s is stored as %s, which is no kind", k.Message, as))
	case stored.Options.GetStoredAs() != "" || stored.String() != k.String() || stored.Name() != k.Name() ||
		stored.Namespaced() != k.Namespaced() || stored.Options.GetHasStatus() != k.Options.GetHasStatus() ||
		stored.Options.GetHasScale() != k.Options.GetHasScale() ||
		!slices.Equal(stored.Options.GetSelectableFields(), k.Options.GetSelectableFields()):
		panic(fmt.Sprintf("kind %s is no other version of %s: group, kind, plural, scope, sub-resources and selectable fields must be the same", k.Message, as))
	}
	return stored
}

// MethodOptions reads the (kaji.meta.v1.method) option of a method; nil when it has none.
func MethodOptions(m protoreflect.MethodDescriptor) *metav1.MethodOptions {
	if !proto.HasExtension(m.Options(), metav1.E_Method) {
		return nil
	}
	return proto.GetExtension(m.Options(), metav1.E_Method).(*metav1.MethodOptions)
}

// FieldOptions reads the (kaji.meta.v1.field) option of a field; nil when it has none.
func FieldOptions(f protoreflect.FieldDescriptor) *metav1.FieldOptions {
	if !proto.HasExtension(f.Options(), metav1.E_Field) {
		return nil
	}
	return proto.GetExtension(f.Options(), metav1.E_Field).(*metav1.FieldOptions)
}

// All returns every kind, by group and name, in the version that is stored. The caller must not change the slice.
func All() []*Kind { return load().all }

// Versions returns every version of every kind; of each kind the stored one comes first. The caller must not change the slice.
func Versions() []*Kind { return load().versions }

// Of returns the kind of a message; nil when the message is no resource.
func Of(m proto.Message) *Kind {
	if m == nil {
		return nil
	}
	return load().byMessage[m.ProtoReflect().Descriptor().FullName()]
}

// ByMessage returns the kind with that message name; nil when there is none.
func ByMessage(name protoreflect.FullName) *Kind { return load().byMessage[name] }

// ByAPIVersionKind returns the kind that a manifest names, e.g. ("apps/v1", "Deployment"); nil when there is none.
func ByAPIVersionKind(apiVersion, kind string) *Kind {
	return load().byGVK[[2]string{apiVersion, kind}]
}

// Lookup returns the kind that a user means by a word: plural, singular, short name, kind, or one of the
// first two with the group ("deployments.apps"); nil when there is none.
func Lookup(word string) *Kind { return load().byWord[strings.ToLower(word)] }
