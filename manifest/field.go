package manifest

import (
	"encoding/json"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// FieldDescriptor returns the field that a JSON name means in a message, also when Kubernetes inlines it;
// nil when there is none.
func FieldDescriptor(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := planOf(d).byName[name]; f != nil {
		return f.desc
	}
	return nil
}

// Field returns the field that a JSON name means, with the message that holds it: m itself or one inline
// in it. The descriptor is nil when there is no such field.
func Field(m protoreflect.Message, name string) (protoreflect.Message, protoreflect.FieldDescriptor) {
	f := planOf(m.Descriptor()).byName[name]
	if f == nil {
		return m, nil
	}
	if f.outer != nil {
		m = m.Get(f.outer.desc).Message()
	}
	return m, f.desc
}

// Text is the JSON form of a message without quotes: 500m for a Quantity, 25% for an IntOrString.
func Text(m protoreflect.Message) string {
	var b []byte
	switch formOf(m.Descriptor(), false) {
	case quantityForm:
		b = appendQuantity(nil, m)
	case intOrStringForm:
		b = appendIntOrString(nil, m)
	case timeForm:
		b = appendTime(nil, m, false)
	case rawForm:
		b = appendRaw(nil, m)
	default:
		b = appendMessage(nil, m)
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		return text
	}
	return string(b)
}
