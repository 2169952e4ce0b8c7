package registry

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// What becomes of fields that the server does not know.
const (
	validationStrict = "Strict"
	validationWarn   = "Warn"
	validationIgnore = "Ignore"
)

// fieldValidation reads the option; otherwise is what an empty one means.
func fieldValidation(o interface{ GetFieldValidation() string }, otherwise string) (string, error) {
	switch v := o.GetFieldValidation(); v {
	case "":
		return otherwise, nil
	case validationStrict, validationWarn, validationIgnore:
		return v, nil
	default:
		return "", apierror.BadRequest(fmt.Sprintf("fieldValidation is %q", v), apierror.FieldViolation{
			Field: "options.fieldValidation", Description: `supported values: "Strict", "Warn", "Ignore"`, Reason: "FieldValueNotSupported"})
	}
}

// fromJSON reads an object as the validation says. odd are the fields that were left out, to be warned of.
func (r *resource) fromJSON(b []byte, validation string) (o kind.Object, odd []string, err error) {
	if validation == validationIgnore {
		o, err = manifest.FromJSON(r.kind, b, false)
		return o, nil, err
	}
	o, strict := manifest.FromJSON(r.kind, b, true)
	if strict == nil || validation == validationStrict {
		return o, nil, strict
	}
	if o, err = manifest.FromJSON(r.kind, b, false); err != nil {
		return nil, nil, err
	}
	var fields manifest.Errors
	if errors.As(strict, &fields) {
		for _, f := range fields {
			odd = append(odd, f.Path+": "+f.Message)
		}
	}
	return o, odd, nil
}

// maxUnknown bounds how many unknown fields are told of.
const maxUnknown = 20

// unknown looks for fields of an object in binary form that the server does not know: what a newer client sets. They are stored as they
// are, unless the validation refuses them.
func (r *resource) unknown(o kind.Object, validation string) (odd []string, err error) {
	if validation == validationIgnore {
		return nil, nil
	}
	var violations []apierror.FieldViolation
	findUnknown(o.ProtoReflect(), "", func(path string) {
		if len(violations) < maxUnknown {
			violations = append(violations, apierror.FieldViolation{Field: path, Description: "unknown field", Reason: "FieldValueInvalid"})
		}
	})
	if validation == validationStrict {
		return nil, r.invalid(o, violations)
	}
	for _, v := range violations {
		odd = append(odd, v.String())
	}
	return odd, nil
}

// findUnknown reports unknown fields by the path of their message and their number.
func findUnknown(m protoreflect.Message, path string, report func(string)) {
	for b := m.GetUnknown(); len(b) > 0; {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 {
			break
		}
		report(fmt.Sprintf("%s#%d", dotted(path), number))
		b = b[n:]
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := dotted(path) + fd.JSONName()
		switch {
		case fd.IsMap():
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
					findUnknown(v.Message(), fmt.Sprintf("%s[%s]", at, k), report)
					return true
				})
			}
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				findUnknown(v.List().Get(i).Message(), fmt.Sprintf("%s[%d]", at, i), report)
			}
		default:
			findUnknown(v.Message(), at, report)
		}
		return true
	})
}

func dotted(path string) string {
	if path == "" {
		return ""
	}
	return path + "."
}
