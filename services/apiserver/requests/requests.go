// Package requests keeps calls to the rules that the proto files have for requests: names that are there, lists
// that are not too long. It owns nothing else: what objects must be like is the strategies' part.
//
// A Checker may be used concurrently.
package requests

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/apierror"
)

// Checker checks requests before they reach their method.
type Checker struct {
	validator protovalidate.Validator
	// ruled remembers by message name whether a message has rules, itself or below; most have none, and
	// walking through a whole object to find that out again would cost more than all rules together.
	ruled sync.Map
}

// New makes a Checker. Rules are compiled when a message is seen for the first time.
func New() (*Checker, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("preparing the rules of requests: %w", err)
	}
	return &Checker{validator: v}, nil
}

// Check returns a BadRequest with every violation; nil for a request that keeps its rules.
func (c *Checker) Check(m proto.Message) error {
	if !c.hasRules(m.ProtoReflect().Descriptor()) {
		return nil
	}
	err := c.validator.Validate(m)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return apierror.BadRequest("the request cannot be checked: " + err.Error())
	}
	violations := make([]apierror.FieldViolation, len(invalid.Violations))
	for i, v := range invalid.Violations {
		violations[i] = apierror.FieldViolation{
			Field:       path(m.ProtoReflect().Descriptor(), v),
			Description: v.Proto.GetMessage(),
			Reason:      reason(v.Proto.GetRuleId()),
		}
	}
	return apierror.BadRequest("the request is invalid: "+violations[0].String(), violations...)
}

func (c *Checker) hasRules(d protoreflect.MessageDescriptor) bool {
	if known, ok := c.ruled.Load(d.FullName()); ok {
		return known.(bool)
	}
	found := HasRules(d)
	c.ruled.Store(d.FullName(), found)
	return found
}

// HasRules says whether a message has rules, itself or in what it holds. It looks anew each time.
func HasRules(d protoreflect.MessageDescriptor) bool {
	return findRules(d, map[protoreflect.FullName]bool{})
}

func findRules(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	if proto.HasExtension(d.Options(), validate.E_Message) {
		return true
	}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		if proto.HasExtension(fd.Options(), validate.E_Field) {
			return true
		}
		if fd.IsMap() {
			fd = fd.MapValue()
		}
		if fd.Message() != nil && findRules(fd.Message(), seen) {
			return true
		}
	}
	return false
}

// Unary is Check as an interceptor.
func (c *Checker) Unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if m, ok := req.(proto.Message); ok {
		if err := c.Check(m); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

// Stream is Check as an interceptor, for every message that the client sends.
func (c *Checker) Stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	return next(srv, &checkedStream{ServerStream: ss, checker: c})
}

type checkedStream struct {
	grpc.ServerStream
	checker *Checker
}

// RecvMsg implements grpc.ServerStream.
func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if pm, ok := m.(proto.Message); ok {
		return s.checker.Check(pm)
	}
	return nil
}

// path writes where a violation is in JSON names: bindings[3].nodeName.
func path(d protoreflect.MessageDescriptor, v *protovalidate.Violation) string {
	out := ""
	for _, e := range v.Proto.GetField().GetElements() {
		name := e.GetFieldName()
		if d != nil {
			if fd := d.Fields().ByNumber(protoreflect.FieldNumber(e.GetFieldNumber())); fd != nil {
				name, d = fd.JSONName(), fd.Message()
			}
		}
		if out != "" {
			out += "."
		}
		out += name
		if e.HasIndex() {
			out += fmt.Sprintf("[%d]", e.GetIndex())
		}
	}
	return out
}

// reason is Kubernetes' word for the violation of a rule.
func reason(rule string) string {
	switch rule {
	case "required", "string.min_len", "bytes.min_len", "repeated.min_items":
		return "FieldValueRequired"
	case "string.max_len", "bytes.max_len":
		return "FieldValueTooLong"
	case "repeated.max_items":
		return "FieldValueTooMany"
	case "enum.defined_only", "string.in":
		return "FieldValueNotSupported"
	default:
		return "FieldValueInvalid"
	}
}
