package manifest

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

// form is how a message field is written in JSON.
type form int

const (
	plainForm form = iota // a scalar, or a message as an object
	quantityForm
	intOrStringForm
	timeForm
	microTimeForm
	rawForm // FieldsV1, RawExtension: their bytes are JSON already
)

// plan is what decoder and encoder need to know of a message, worked out once.
type plan struct {
	// fields in the order of the proto file, inline ones as themselves.
	fields []*fieldPlan
	// byName also has the fields of inline messages, with the way to them.
	byName map[string]*fieldPlan
	// object is true for a kind of its own.
	object bool
}

type fieldPlan struct {
	desc   protoreflect.FieldDescriptor
	name   string
	form   form
	inline bool
	// always is true for a scalar that Kubernetes writes even when it is zero.
	always bool
	// outer is the inline field that holds this one; nil when the message itself does.
	outer *fieldPlan
}

var plans sync.Map // protoreflect.FullName → *plan

func planOf(d protoreflect.MessageDescriptor) *plan {
	if p, ok := plans.Load(d.FullName()); ok {
		return p.(*plan)
	}
	p := &plan{byName: map[string]*fieldPlan{}, object: kind.ByMessage(d.FullName()) != nil}
	fields := d.Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		f := &fieldPlan{desc: fd, name: fd.JSONName(), always: required[d.FullName()][fd.Name()]}
		micro := false
		if o := kind.FieldOptions(fd); o != nil {
			f.inline, micro = o.GetInline(), o.GetMicroTime()
		}
		f.form = formOf(valueMessage(fd), micro)
		p.fields = append(p.fields, f)
		if !f.inline {
			p.byName[f.name] = f
			continue
		}
		for name, inner := range planOf(fd.Message()).byName {
			if inner.outer != nil {
				// Kubernetes inlines one level in the kinds that exist; a second would need a path here.
				panic("inline within inline: " + string(fd.FullName()))
			}
			through := *inner
			through.outer = f
			p.byName[name] = &through
		}
	}
	actual, _ := plans.LoadOrStore(d.FullName(), p)
	return actual.(*plan)
}

// valueMessage is the message a field or a map's value holds; nil for scalars.
func valueMessage(fd protoreflect.FieldDescriptor) protoreflect.MessageDescriptor {
	if fd.IsMap() {
		return fd.MapValue().Message()
	}
	return fd.Message()
}

func formOf(d protoreflect.MessageDescriptor, micro bool) form {
	if d == nil {
		return plainForm
	}
	switch d.FullName() {
	case "kaji.meta.v1.Quantity":
		return quantityForm
	case "kaji.meta.v1.IntOrString":
		return intOrStringForm
	case "kaji.meta.v1.FieldsV1", "kaji.meta.v1.RawExtension":
		return rawForm
	case "google.protobuf.Timestamp":
		if micro {
			return microTimeForm
		}
		return timeForm
	}
	return plainForm
}
