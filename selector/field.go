package selector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/fields"
)

// Fields is a field selector bound to the paths a kind allows.
type Fields struct {
	requirements []fieldRequirement
}

type fieldRequirement struct {
	path  []string
	value string
	equal bool
}

// ParseFields reads the text form of a field selector ("spec.nodeName=n1,status.phase!=Failed") and refuses paths
// outside allowed, the kind's ResourceOptions.selectable_fields.
func ParseFields(text string, allowed []string) (*Fields, error) {
	parsed, err := fields.ParseSelector(text)
	if err != nil {
		return nil, err
	}
	var f Fields
	for _, r := range parsed.Requirements() {
		if !slices.Contains(allowed, r.Field) {
			return nil, fmt.Errorf("field label not supported: %s", r.Field)
		}
		f.requirements = append(f.requirements, fieldRequirement{
			path:  strings.Split(r.Field, "."),
			value: r.Value,
			equal: r.Operator != "!=",
		})
	}
	return &f, nil
}

// Empty tells whether every object matches.
func (f *Fields) Empty() bool { return f == nil || len(f.requirements) == 0 }

// Matches tells whether the object meets every requirement. An unset field has the value "" ("0" for numbers, "false"
// for booleans), as in Kubernetes.
func (f *Fields) Matches(m proto.Message) bool {
	if f == nil {
		return true
	}
	for _, r := range f.requirements {
		if (FieldValue(m, r.path...) == r.value) != r.equal {
			return false
		}
	}
	return true
}

// RequiresExact returns the value the selector demands of a path, e.g. metadata.name, so that a reader can look it up directly.
func (f *Fields) RequiresExact(path string) (string, bool) {
	if f == nil {
		return "", false
	}
	for _, r := range f.requirements {
		if r.equal && strings.Join(r.path, ".") == path {
			return r.value, true
		}
	}
	return "", false
}

// FieldValue is the text of the scalar at a JSON path of the message; "" when the path does not end at a scalar.
// Two names differ from the path: "source" of an Event is source.component, and Event's "reportingComponent" falls back to it.
func FieldValue(m proto.Message, path ...string) string {
	current := m.ProtoReflect()
	if len(path) == 1 && current.Descriptor().FullName() == "kaji.core.v1.Event" {
		switch path[0] {
		case "source":
			return FieldValue(m, "source", "component")
		case "reportingComponent":
			if v := scalarAt(current, path); v != "" {
				return v
			}
			return FieldValue(m, "source", "component")
		}
	}
	return scalarAt(current, path)
}

func scalarAt(current protoreflect.Message, path []string) string {
	for i, name := range path {
		field := current.Descriptor().Fields().ByJSONName(name)
		if field == nil || field.IsList() || field.IsMap() {
			return ""
		}
		last := i == len(path)-1
		if field.Kind() == protoreflect.MessageKind {
			if last {
				return ""
			}
			current = current.Get(field).Message()
			continue
		}
		if !last {
			return ""
		}
		return scalarText(field, current.Get(field))
	}
	return ""
}

func scalarText(field protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch field.Kind() {
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BoolKind:
		return strconv.FormatBool(v.Bool())
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind,
		protoreflect.Sfixed32Kind, protoreflect.Sfixed64Kind:
		return strconv.FormatInt(v.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return strconv.FormatUint(v.Uint(), 10)
	default:
		return ""
	}
}
