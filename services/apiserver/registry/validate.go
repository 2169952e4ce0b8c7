package registry

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
)

// shape checks the rules that stand in the kind's proto file.
func (r *resource) shape(o kind.Object) []apierror.FieldViolation {
	if !r.ruled {
		return nil
	}
	err := r.validator.Validate(o)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return []apierror.FieldViolation{{Description: err.Error(), Reason: "FieldValueInvalid"}}
	}
	out := make([]apierror.FieldViolation, len(invalid.Violations))
	for i, v := range invalid.Violations {
		out[i] = apierror.FieldViolation{
			Field: jsonPath(o, protovalidate.FieldPathString(v.Proto.GetField())), Description: v.Proto.GetMessage(), Reason: "FieldValueInvalid",
		}
	}
	return out
}

// jsonPath turns a path of proto names into one as users write it.
func jsonPath(o kind.Object, path string) string {
	d := o.ProtoReflect().Descriptor()
	segments := strings.Split(path, ".")
	for i, s := range segments {
		name, index, _ := strings.Cut(s, "[")
		if d == nil {
			break
		}
		fd := d.Fields().ByName(protoreflect.Name(name))
		if fd == nil {
			break
		}
		segments[i] = fd.JSONName()
		if index != "" {
			segments[i] += "[" + index
		}
		switch {
		case fd.IsMap():
			d = fd.MapValue().Message()
		default:
			d = fd.Message()
		}
	}
	return strings.Join(segments, ".")
}

// invalid makes one error of all violations; nil when there are none.
func (r *resource) invalid(o kind.Object, violations []apierror.FieldViolation) error {
	if len(violations) == 0 {
		return nil
	}
	m := o.GetMetadata()
	name := m.GetName()
	if name == "" {
		name = m.GetGenerateName()
	}
	return apierror.Invalid(r.kind.String(), m.GetNamespace(), name, violations)
}
