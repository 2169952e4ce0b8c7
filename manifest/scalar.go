package manifest

import (
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

func (d *decoder) scalar(n *node, fd protoreflect.FieldDescriptor, path string) (v protoreflect.Value, ok bool) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		if n.kind != textNode {
			hint := ""
			if n.kind == numberNode || n.kind == boolNode {
				hint = "; put it in quotes: \"" + n.text + "\""
			}
			d.fail(n, path, "must be a string, not %v%s", n.kind, hint)
			return v, false
		}
		return protoreflect.ValueOfString(strings.ToValidUTF8(n.text, "\uFFFD")), true
	case protoreflect.BoolKind:
		b, ok := boolean(n)
		if !ok {
			d.fail(n, path, "must be true or false, not %v", n.describe())
			return v, false
		}
		n.kind, n.text = boolNode, strconv.FormatBool(b)
		return protoreflect.ValueOfBool(b), true
	case protoreflect.BytesKind:
		if n.kind != textNode {
			d.fail(n, path, "must be a base64 string, not %v", n.kind)
			return v, false
		}
		raw, err := base64.StdEncoding.DecodeString(n.text)
		if err != nil {
			d.fail(n, path, "must be base64: %v", err)
			return v, false
		}
		return protoreflect.ValueOfBytes(raw), true
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		i, ok := d.integer(n, 32, true, path)
		return protoreflect.ValueOfInt32(int32(i.Int64())), ok
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		i, ok := d.integer(n, 64, true, path)
		return protoreflect.ValueOfInt64(i.Int64()), ok
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		i, ok := d.integer(n, 32, false, path)
		return protoreflect.ValueOfUint32(uint32(i.Uint64())), ok
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		i, ok := d.integer(n, 64, false, path)
		return protoreflect.ValueOfUint64(i.Uint64()), ok
	case protoreflect.EnumKind:
		if e := fd.Enum().Values().ByName(protoreflect.Name(n.text)); n.kind == textNode && e != nil {
			return protoreflect.ValueOfEnum(e.Number()), true
		}
		d.fail(n, path, "must be the name of a %s", fd.Enum().Name())
		return v, false
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(n.text, 64)
		if n.kind != numberNode || err != nil {
			d.fail(n, path, "must be a number, not %v", n.describe())
			return v, false
		}
		if fd.Kind() == protoreflect.FloatKind {
			return protoreflect.ValueOfFloat32(float32(f)), true
		}
		return protoreflect.ValueOfFloat64(f), true
	}
	d.fail(n, path, "a field of type %v has no JSON form here", fd.Kind())
	return v, false
}

// describe says what a node is, with its value when that is short.
func (n *node) describe() string {
	switch n.kind {
	case textNode:
		if len(n.text) <= 40 {
			return "the string " + strconv.Quote(n.text)
		}
	case numberNode:
		return n.text
	}
	return n.kind.String()
}

// boolean reads JSON's booleans and, where YAML wrote them without quotes, YAML 1.1's.
func boolean(n *node) (value, ok bool) {
	if n.kind == boolNode {
		return n.text == "true", true
	}
	if n.kind == textNode && n.plain {
		switch strings.ToLower(n.text) {
		case "yes", "on", "y":
			return true, true
		case "no", "off", "n":
			return false, true
		}
	}
	return false, false
}

var zero = new(big.Int)

// integer reads a whole number of the given width. 1.0 and 1e3 are whole.
func (d *decoder) integer(n *node, bits int, signed bool, path string) (*big.Int, bool) {
	if n.kind != numberNode {
		d.fail(n, path, "must be a whole number, not %v", n.describe())
		return zero, false
	}
	i, ok := new(big.Int).SetString(n.text, 10)
	if !ok {
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil || f != float64(int64(f)) {
			d.fail(n, path, "must be a whole number, not %v", n.describe())
			return zero, false
		}
		i = big.NewInt(int64(f))
		n.text = i.String()
	}
	low, high := new(big.Int), new(big.Int)
	if signed {
		high.Lsh(big.NewInt(1), uint(bits-1))
		low.Neg(high)
	} else {
		high.Lsh(big.NewInt(1), uint(bits))
	}
	if i.Cmp(low) < 0 || i.Cmp(high) >= 0 {
		d.fail(n, path, "%s does not fit into %d bits", n.text, bits)
		return zero, false
	}
	return i, true
}
