package apierror

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the google.rpc.ErrorInfo.domain of every error of Kaji.
const Domain = "kaji.dev"

// codeOf is the gRPC code of each reason.
var codeOf = map[Reason]codes.Code{
	ReasonNotFound:           codes.NotFound,
	ReasonAlreadyExists:      codes.AlreadyExists,
	ReasonConflict:           codes.Aborted,
	ReasonInvalid:            codes.InvalidArgument,
	ReasonBadRequest:         codes.InvalidArgument,
	ReasonForbidden:          codes.PermissionDenied,
	ReasonUnauthenticated:    codes.Unauthenticated,
	ReasonExpired:            codes.OutOfRange,
	ReasonFailedPrecondition: codes.FailedPrecondition,
	ReasonTooManyRequests:    codes.ResourceExhausted,
	ReasonTooLarge:           codes.ResourceExhausted,
	ReasonQuotaExceeded:      codes.ResourceExhausted,
	ReasonDisruptionBudget:   codes.ResourceExhausted,
	ReasonUnavailable:        codes.Unavailable,
	ReasonTimeout:            codes.DeadlineExceeded,
	ReasonCanceled:           codes.Canceled,
	ReasonUnimplemented:      codes.Unimplemented,
	ReasonInternal:           codes.Internal,
}

// reasonOf is the reason of a status that carries none, such as one made by gRPC itself.
var reasonOf = map[codes.Code]Reason{
	codes.NotFound:           ReasonNotFound,
	codes.AlreadyExists:      ReasonAlreadyExists,
	codes.Aborted:            ReasonConflict,
	codes.InvalidArgument:    ReasonBadRequest,
	codes.PermissionDenied:   ReasonForbidden,
	codes.Unauthenticated:    ReasonUnauthenticated,
	codes.OutOfRange:         ReasonExpired,
	codes.FailedPrecondition: ReasonFailedPrecondition,
	codes.ResourceExhausted:  ReasonTooLarge,
	codes.Unavailable:        ReasonUnavailable,
	codes.DeadlineExceeded:   ReasonTimeout,
	codes.Canceled:           ReasonCanceled,
	codes.Unimplemented:      ReasonUnimplemented,
}

// Code returns the gRPC code that an error travels under; OK for nil.
func Code(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return status.Code(ToStatus(err))
}

// ToStatus turns any error into a gRPC status error: *Error with its details, context errors with their
// codes, statuses unchanged, everything else INTERNAL. nil stays nil.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		if _, ok := status.FromError(err); ok {
			return err
		}
		switch {
		case errors.Is(err, context.Canceled):
			e = &Error{Reason: ReasonCanceled, Message: err.Error()}
		case errors.Is(err, context.DeadlineExceeded):
			e = &Error{Reason: ReasonTimeout, Message: err.Error()}
		default:
			e = Internal(err)
		}
	}
	code, ok := codeOf[e.Reason]
	if !ok {
		code = codes.Internal
	}
	s, detailErr := status.New(code, e.Message).WithDetails(details(e)...)
	if detailErr != nil {
		s = status.New(code, e.Message)
	}
	return s.Err()
}

func details(e *Error) []protoadapt.MessageV1 {
	info := &errdetails.ErrorInfo{Reason: string(e.Reason), Domain: Domain}
	if e.Kind != "" {
		info.Metadata = map[string]string{"kind": e.Kind, "namespace": e.Namespace, "name": e.Name}
	}
	if e.Continue != "" {
		if info.Metadata == nil {
			info.Metadata = map[string]string{}
		}
		info.Metadata["continue"] = e.Continue
	}
	out := []protoadapt.MessageV1{info}
	if len(e.Violations) > 0 {
		b := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			b.FieldViolations = append(b.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: v.Field, Description: v.Description, Reason: v.Reason,
			})
		}
		out = append(out, b)
	}
	if e.RetryAfter > 0 {
		out = append(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	return out
}

// FromStatus turns the error of a gRPC call back into an *Error. nil stays nil, an *Error stays itself.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		switch {
		case errors.Is(err, context.Canceled):
			return &Error{Reason: ReasonCanceled, Message: err.Error(), cause: err}
		case errors.Is(err, context.DeadlineExceeded):
			return &Error{Reason: ReasonTimeout, Message: err.Error(), cause: err}
		}
		return err
	}
	reason, ok := reasonOf[s.Code()]
	if !ok {
		reason = ReasonInternal
	}
	e = &Error{Reason: reason, Message: s.Message(), cause: err}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == Domain {
				e.Reason = Reason(d.GetReason())
				m := d.GetMetadata()
				e.Kind, e.Namespace, e.Name, e.Continue = m["kind"], m["namespace"], m["name"], m["continue"]
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				e.Violations = append(e.Violations, FieldViolation{Field: v.GetField(), Description: v.GetDescription(), Reason: v.GetReason()})
			}
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	return e
}
