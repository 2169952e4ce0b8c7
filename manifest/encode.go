package manifest

import (
	"encoding/base64"
	"sort"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// writer separates the members of one JSON object.
type writer struct {
	b     []byte
	first bool
}

func (w *writer) key(name string) {
	if !w.first {
		w.b = append(w.b, ',')
	}
	w.first = false
	w.b = append(appendString(w.b, name), ':')
}

// appendMessage writes a message as an object. header holds apiVersion and kind of a top-level object.
func appendMessage(b []byte, m protoreflect.Message, header ...string) []byte {
	w := &writer{b: append(b, '{'), first: true}
	for i := 0; i+1 < len(header); i += 2 {
		w.key(header[i])
		w.b = appendString(w.b, header[i+1])
	}
	w.fields(m)
	return append(w.b, '}')
}

func (w *writer) fields(m protoreflect.Message) {
	for _, f := range planOf(m.Descriptor()).fields {
		if f.inline {
			if m.Has(f.desc) {
				w.fields(m.Get(f.desc).Message())
			}
			continue
		}
		if !m.Has(f.desc) {
			if f.always {
				w.key(f.name)
				w.b = appendScalar(w.b, m.Get(f.desc), f.desc)
			}
			continue
		}
		v := m.Get(f.desc)
		if (f.form == timeForm || f.form == microTimeForm) && f.desc.Cardinality() != protoreflect.Repeated {
			if _, ok := timeOf(v.Message()); !ok {
				continue
			}
		}
		w.key(f.name)
		w.b = appendField(w.b, v, f)
	}
}

func appendField(b []byte, v protoreflect.Value, f *fieldPlan) []byte {
	switch {
	case f.desc.IsMap():
		return appendMap(b, v.Map(), f)
	case f.desc.IsList():
		list := v.List()
		b = append(b, '[')
		for i := range list.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, list.Get(i), f, f.desc)
		}
		return append(b, ']')
	}
	return appendValue(b, v, f, f.desc)
}

// appendMap writes keys in order, so that equal objects have equal JSON.
func appendMap(b []byte, m protoreflect.Map, f *fieldPlan) []byte {
	type entry struct {
		key   string
		value protoreflect.Value
	}
	entries := make([]entry, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		entries = append(entries, entry{k.String(), v})
		return true
	})
	sort.Slice(entries, func(i, j int) bool { return entries[i].key < entries[j].key })
	w := &writer{b: append(b, '{'), first: true}
	for _, e := range entries {
		w.key(e.key)
		w.b = appendValue(w.b, e.value, f, f.desc.MapValue())
	}
	return append(w.b, '}')
}

func appendValue(b []byte, v protoreflect.Value, f *fieldPlan, fd protoreflect.FieldDescriptor) []byte {
	if fd.Message() == nil {
		return appendScalar(b, v, fd)
	}
	m := v.Message()
	switch f.form {
	case quantityForm:
		return appendQuantity(b, m)
	case intOrStringForm:
		return appendIntOrString(b, m)
	case timeForm, microTimeForm:
		return appendTime(b, m, f.form == microTimeForm)
	case rawForm:
		return appendRaw(b, m)
	}
	return appendMessage(b, m)
}

func appendScalar(b []byte, v protoreflect.Value, fd protoreflect.FieldDescriptor) []byte {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return appendString(b, v.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.BytesKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case protoreflect.EnumKind:
		if e := fd.Enum().Values().ByNumber(v.Enum()); e != nil {
			return appendString(b, string(e.Name()))
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return strconv.AppendUint(b, v.Uint(), 10)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	}
	return strconv.AppendInt(b, v.Int(), 10)
}
