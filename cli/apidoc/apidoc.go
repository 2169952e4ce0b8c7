// Package apidoc says what a kind, or a field of one, is: its type and what the proto files say of it.
//
// It owns the comments of the proto files, which compiled descriptors do not carry; tools/explain writes them. It
// knows the kinds that are compiled in, and asks no server. All functions may be called concurrently.
package apidoc

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

//go:embed comments.txt
var source string

var byName = sync.OnceValue(func() map[protoreflect.FullName]string {
	out := map[protoreflect.FullName]string{}
	for line := range strings.Lines(source) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		out[protoreflect.FullName(name)] = strings.ReplaceAll(text, `\n`, "\n")
	}
	return out
})

// Comment is what the proto files say of a message or field; empty when they say nothing.
func Comment(name protoreflect.FullName) string { return byName()[name] }

// Field is a field as a manifest has it.
type Field struct {
	Name string
	desc protoreflect.FieldDescriptor
}

// Fields are those of a message as a manifest has them: the fields of what is inlined stand in the message
// itself. What a manifest writes as one value has none.
func Fields(m protoreflect.MessageDescriptor) []Field {
	if m == nil || opaque[m.FullName()] != "" {
		return nil
	}
	var out []Field
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		if kind.FieldOptions(fd).GetInline() {
			out = append(out, Fields(fd.Message())...)
			continue
		}
		out = append(out, Field{Name: fd.JSONName(), desc: fd})
	}
	return out
}

// Find finds a field by its name in manifests; false when there is none.
func Find(m protoreflect.MessageDescriptor, name string) (Field, bool) {
	for _, f := range Fields(m) {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Text is what the proto files say of the field.
func (f Field) Text() string { return Comment(f.desc.FullName()) }

// Message is what the field holds, or what the entries of a list or map do; nil for plain values.
func (f Field) Message() protoreflect.MessageDescriptor {
	if f.desc.IsMap() {
		return f.desc.MapValue().Message()
	}
	return f.desc.Message()
}

// Type is the field's type as Kubernetes words it: []Container, map[string]Quantity, integer.
func (f Field) Type() string {
	switch {
	case f.desc.IsMap():
		return fmt.Sprintf("map[%s]%s", word(f.desc.MapKey()), word(f.desc.MapValue()))
	case f.desc.IsList():
		return "[]" + word(f.desc)
	}
	return word(f.desc)
}

// opaque are the messages that a manifest writes as one value, and how they are called.
var opaque = map[protoreflect.FullName]string{
	"kaji.meta.v1.Quantity":     "Quantity",
	"kaji.meta.v1.IntOrString":  "IntOrString",
	"kaji.meta.v1.FieldsV1":     "FieldsV1",
	"kaji.meta.v1.RawExtension": "Object",
	"google.protobuf.Timestamp": "Time",
}

func word(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		if name := opaque[fd.Message().FullName()]; name != "" {
			return name
		}
		return string(fd.Message().Name())
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.EnumKind:
		return "string"
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "number"
	}
	return "integer"
}
