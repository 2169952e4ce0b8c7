package manifest

import (
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/quantity"
)

const microLayout = "2006-01-02T15:04:05.000000Z07:00"

// quantity accepts a string or a number and keeps the canonical form, as Kubernetes does: 1000m is 1.
func (d *decoder) quantity(n *node, m protoreflect.Message, path string) {
	if n.kind != textNode && n.kind != numberNode {
		d.fail(n, path, "must be a quantity such as 500m, 2 or 1Gi, not %v", n.kind)
		return
	}
	q, err := quantity.ParseText(n.text)
	if err != nil {
		d.fail(n, path, "%q is not a quantity such as 500m, 2 or 1Gi", n.text)
		return
	}
	n.kind, n.text = textNode, q.String()
	m.Set(m.Descriptor().Fields().ByName("string"), protoreflect.ValueOfString(n.text))
}

const (
	isInt    = 0
	isString = 1
)

func (d *decoder) intOrString(n *node, m protoreflect.Message, path string) {
	fields := m.Descriptor().Fields()
	switch n.kind {
	case numberNode:
		if i, ok := d.integer(n, 32, true, path); ok {
			m.Set(fields.ByName("int_val"), protoreflect.ValueOfInt32(int32(i.Int64())))
		}
	case textNode:
		m.Set(fields.ByName("type"), protoreflect.ValueOfInt64(isString))
		m.Set(fields.ByName("str_val"), protoreflect.ValueOfString(n.text))
	default:
		d.fail(n, path, "must be a whole number or a string, not %v", n.kind)
	}
}

func (d *decoder) time(n *node, m protoreflect.Message, micro bool, path string) {
	if n.kind != textNode {
		d.fail(n, path, "must be a time such as 2006-01-02T15:04:05Z, not %v", n.kind)
		return
	}
	t, err := time.Parse(time.RFC3339, n.text)
	if err != nil {
		d.fail(n, path, "%q is not a time such as 2006-01-02T15:04:05Z", n.text)
		return
	}
	t = t.UTC()
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(t.Unix()))
	if micro {
		m.Set(fields.ByName("nanos"), protoreflect.ValueOfInt32(int32(t.Nanosecond()/1000*1000)))
		n.text = t.Format(microLayout)
	} else {
		n.text = t.Format(time.RFC3339)
	}
}

// appendQuantity writes the canonical form; text that is no quantity is written as it is.
func appendQuantity(b []byte, m protoreflect.Message) []byte {
	text := m.Get(m.Descriptor().Fields().ByName("string")).String()
	if text == "" {
		text = "0"
	} else if q, err := quantity.ParseText(text); err == nil {
		text = q.String()
	}
	return appendString(b, text)
}

func appendIntOrString(b []byte, m protoreflect.Message) []byte {
	fields := m.Descriptor().Fields()
	if m.Get(fields.ByName("type")).Int() == isString {
		return appendString(b, m.Get(fields.ByName("str_val")).String())
	}
	return strconv.AppendInt(b, m.Get(fields.ByName("int_val")).Int(), 10)
}

// appendTime writes a time. The zero Timestamp is Kubernetes' zero time, which is null.
func appendTime(b []byte, m protoreflect.Message, micro bool) []byte {
	t, ok := timeOf(m)
	if !ok {
		return append(b, "null"...)
	}
	layout := time.RFC3339
	if micro {
		layout = microLayout
	}
	b = append(b, '"')
	b = t.AppendFormat(b, layout)
	return append(b, '"')
}

func timeOf(m protoreflect.Message) (time.Time, bool) {
	fields := m.Descriptor().Fields()
	seconds, nanos := m.Get(fields.ByName("seconds")).Int(), m.Get(fields.ByName("nanos")).Int()
	if seconds == 0 && nanos == 0 {
		return time.Time{}, false
	}
	return time.Unix(seconds, nanos).UTC(), true
}

func appendRaw(b []byte, m protoreflect.Message) []byte {
	raw := m.Get(m.Descriptor().Fields().ByName("raw")).Bytes()
	if !json.Valid(raw) {
		return append(b, "null"...)
	}
	return append(b, raw...)
}
