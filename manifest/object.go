package manifest

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/kind"
)

// ToJSON writes an object in Kubernetes' JSON form: apiVersion and kind first, then the fields in the order
// of the kind's proto file, map keys sorted. Equal objects have equal JSON.
func ToJSON(o kind.Object) ([]byte, error) {
	k := kind.Of(o)
	if k == nil {
		return nil, fmt.Errorf("%s is not a resource kind", o.ProtoReflect().Descriptor().FullName())
	}
	return appendMessage(nil, o.ProtoReflect(), "apiVersion", k.APIVersion(), "kind", k.Name()), nil
}

// FromJSON reads an object of the kind. apiVersion and kind may be left out; when they are there they must
// be the kind's. With strict, unknown and duplicate fields are errors too. The error is an Errors.
func FromJSON(k *kind.Kind, b []byte, strict bool) (kind.Object, error) {
	n, err := parseJSON("", b)
	if err != nil {
		return nil, err
	}
	return fromNode(k, n, "", strict)
}

func fromNode(k *kind.Kind, n *node, source string, strict bool) (kind.Object, error) {
	d := &decoder{source: source, strict: strict}
	o := k.New()
	if n.kind == objectNode {
		for key, want := range map[string]string{"apiVersion": k.APIVersion(), "kind": k.Name()} {
			if v := n.get(key); v != nil && v.kind != nullNode && (v.kind != textNode || v.text != want) {
				d.fail(v, key, "must be %q, not %s", want, v.describe())
			}
		}
	}
	d.message(n, o.ProtoReflect(), "", true)
	if err := d.err(); err != nil {
		return nil, err
	}
	return o, nil
}

// MarshalMessage writes any message in Kubernetes' JSON form, without apiVersion and kind: parts of objects,
// and messages that are no resource.
func MarshalMessage(m proto.Message) []byte { return appendMessage(nil, m.ProtoReflect()) }

// UnmarshalMessage reads what MarshalMessage writes into m, which should be empty; apiVersion and kind are
// skipped. The error is an Errors.
func UnmarshalMessage(b []byte, m proto.Message, strict bool) error {
	n, err := parseJSON("", b)
	if err != nil {
		return err
	}
	d := &decoder{strict: strict}
	d.message(n, m.ProtoReflect(), "", true)
	return d.err()
}
