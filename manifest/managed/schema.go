package managed

import (
	"google.golang.org/protobuf/reflect/protoreflect"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/schema"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Schema knows how objects of one kind are merged.
type Schema struct {
	kind    *kind.Kind
	types   *schema.Schema
	root    schema.TypeRef
	others  *versions
	updater *merge.Updater
}

// NewSchema reads the schema of a kind that has one version out of its descriptor.
func NewSchema(k *kind.Kind) *Schema { return NewSchemas([]*kind.Kind{k}, nil)[k] }

// NewSchemas reads the schemas of all versions of a kind. Who set which field stays right across them: convert makes an object
// of one version into one of another.
func NewSchemas(all []*kind.Kind, convert Converter) map[*kind.Kind]*Schema {
	v := &versions{byAPIVersion: map[string]*Schema{}, byMessage: map[string]*Schema{}, convert: convert}
	out := map[*kind.Kind]*Schema{}
	for _, k := range all {
		b := builder{seen: map[protoreflect.FullName]bool{}}
		root := b.named(k.New().ProtoReflect().Descriptor())
		s := &Schema{
			kind: k, types: &schema.Schema{Types: b.types}, root: root, others: v,
			updater: (&merge.UpdaterBuilder{Converter: v}).BuildUpdater(),
		}
		v.byAPIVersion[k.APIVersion()], v.byMessage[string(k.Message)] = s, s
		out[k] = s
	}
	return out
}

// builder gathers the messages below a kind.
type builder struct {
	types []schema.TypeDef
	seen  map[protoreflect.FullName]bool
}

// named refers to a message, and describes it the first time.
func (b *builder) named(d protoreflect.MessageDescriptor) schema.TypeRef {
	name := string(d.FullName())
	ref := schema.TypeRef{NamedType: &name}
	if b.seen[d.FullName()] {
		return ref
	}
	b.seen[d.FullName()] = true
	m := &schema.Map{Fields: b.fields(d), ElementRelationship: schema.Separable}
	b.types = append(b.types, schema.TypeDef{Name: name, Atom: schema.Atom{Map: m}})
	return ref
}

// fields are those of a message as its JSON has them: inline messages give theirs to the parent.
func (b *builder) fields(d protoreflect.MessageDescriptor) []schema.StructField {
	var out []schema.StructField
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		o := kind.FieldOptions(fd)
		if o.GetInline() {
			out = append(out, b.fields(fd.Message())...)
			continue
		}
		f := schema.StructField{Name: fd.JSONName(), Type: b.field(fd, o)}
		if f.Name == "protocol" && fd.Kind() == protoreflect.StringKind {
			// Ports are told apart by it, and who leaves it out means TCP.
			f.Default = "TCP"
		}
		out = append(out, f)
	}
	return out
}

func (b *builder) field(fd protoreflect.FieldDescriptor, o *metav1.FieldOptions) schema.TypeRef {
	switch {
	case fd.IsMap():
		m := &schema.Map{ElementType: b.value(fd.MapValue()), ElementRelationship: schema.Separable}
		if o.GetAtomic() {
			m.ElementRelationship = schema.Atomic
		}
		return schema.TypeRef{Inlined: schema.Atom{Map: m}}
	case fd.IsList():
		l := &schema.List{ElementType: b.value(fd), ElementRelationship: schema.Atomic}
		switch o.GetListType() {
		case metav1.ListType_LIST_TYPE_SET:
			l.ElementRelationship = schema.Associative
		case metav1.ListType_LIST_TYPE_MAP:
			l.ElementRelationship, l.Keys = schema.Associative, o.GetListMapKeys()
		}
		return schema.TypeRef{Inlined: schema.Atom{List: l}}
	}
	ref := b.value(fd)
	if o.GetAtomic() && ref.NamedType != nil {
		atomic := schema.Atomic
		ref.ElementRelationship = &atomic
	}
	return ref
}

// value describes one value: a message, one of those that have a form of their own in JSON, or a scalar.
func (b *builder) value(fd protoreflect.FieldDescriptor) schema.TypeRef {
	switch d := fd.Message(); {
	case d == nil:
		return scalar(scalarOf(fd.Kind()))
	case d.FullName() == "kaji.meta.v1.FieldsV1", d.FullName() == "kaji.meta.v1.RawExtension":
		untyped := schema.Untyped
		return schema.TypeRef{Inlined: schema.Atom{
			Scalar: &untyped, Map: &schema.Map{ElementType: scalar(untyped), ElementRelationship: schema.Atomic},
		}}
	case d.FullName() == "kaji.meta.v1.Quantity", d.FullName() == "kaji.meta.v1.IntOrString", d.FullName() == "google.protobuf.Timestamp":
		return scalar(schema.Untyped)
	default:
		return b.named(d)
	}
}

func scalar(s schema.Scalar) schema.TypeRef { return schema.TypeRef{Inlined: schema.Atom{Scalar: &s}} }

func scalarOf(k protoreflect.Kind) schema.Scalar {
	switch k {
	case protoreflect.BoolKind:
		return schema.Boolean
	case protoreflect.StringKind, protoreflect.BytesKind:
		return schema.String
	}
	return schema.Numeric
}
