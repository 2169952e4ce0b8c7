package registry

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
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

// warn tells the client of fields that nothing acts on, in the header kaji-warning.
func (r *resource) warn(ctx context.Context, o kind.Object) {
	warnings := r.strategy.Warnings(o)
	if len(warnings) == 0 {
		return
	}
	md := metadata.MD{}
	for _, w := range warnings {
		md.Append("kaji-warning", headerText(w))
	}
	// Without a gRPC stream in ctx (calls from within) there is nobody to warn.
	_ = grpc.SetHeader(ctx, md)
}

// headerText keeps to what a header may hold: printable ASCII.
func headerText(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
