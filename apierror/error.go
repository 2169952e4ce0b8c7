// Package apierror holds the errors of the API and the one place where they become gRPC statuses and
// statuses become errors again. Nobody else matches codes or texts.
//
// All functions may be used concurrently; an *Error is immutable once it has been returned.
package apierror

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reason is the stable, machine-readable word for what went wrong. It travels as google.rpc.ErrorInfo.reason.
type Reason string

// The reasons, with the gRPC code that each travels under.
const (
	ReasonNotFound           Reason = "NOT_FOUND"            // NOT_FOUND
	ReasonAlreadyExists      Reason = "ALREADY_EXISTS"       // ALREADY_EXISTS
	ReasonConflict           Reason = "CONFLICT"             // ABORTED: a compare-and-swap was lost
	ReasonInvalid            Reason = "INVALID"              // INVALID_ARGUMENT, with field violations
	ReasonBadRequest         Reason = "BAD_REQUEST"          // INVALID_ARGUMENT, the request itself makes no sense
	ReasonForbidden          Reason = "FORBIDDEN"            // PERMISSION_DENIED
	ReasonUnauthenticated    Reason = "UNAUTHENTICATED"      // UNAUTHENTICATED
	ReasonExpired            Reason = "EXPIRED"              // OUT_OF_RANGE: the revision is compacted; list again
	ReasonFailedPrecondition Reason = "FAILED_PRECONDITION"  // FAILED_PRECONDITION
	ReasonTooManyRequests    Reason = "TOO_MANY_REQUESTS"    // RESOURCE_EXHAUSTED, with RetryInfo
	ReasonTooLarge           Reason = "TOO_LARGE"            // RESOURCE_EXHAUSTED: will not get better by waiting
	ReasonQuotaExceeded      Reason = "STORE_QUOTA_EXCEEDED" // RESOURCE_EXHAUSTED: the store is full
	ReasonDisruptionBudget   Reason = "DISRUPTION_BUDGET"    // RESOURCE_EXHAUSTED, with RetryInfo: too few pods are healthy
	ReasonUnavailable        Reason = "UNAVAILABLE"          // UNAVAILABLE
	ReasonTimeout            Reason = "TIMEOUT"              // DEADLINE_EXCEEDED
	ReasonCanceled           Reason = "CANCELED"             // CANCELLED
	ReasonUnimplemented      Reason = "UNIMPLEMENTED"        // UNIMPLEMENTED
	ReasonInternal           Reason = "INTERNAL"             // INTERNAL
)

// FieldViolation is one thing wrong with one field.
type FieldViolation struct {
	// Field is the path as users write it: spec.containers[0].image.
	Field string
	// Description says what is wrong and what would be right.
	Description string
	// Reason is Kubernetes' word for the sort of violation: FieldValueRequired, FieldValueInvalid, …; may be empty.
	Reason string
}

func (v FieldViolation) String() string {
	if v.Field == "" {
		return v.Description
	}
	return v.Field + ": " + v.Description
}

// Error is an error of the API.
type Error struct {
	Reason  Reason
	Message string
	// Kind, Namespace and Name say which object it is about; empty when it is about none.
	Kind, Namespace, Name string
	// Violations are all that is wrong with the request, for Invalid and BadRequest.
	Violations []FieldViolation
	// RetryAfter is when trying again makes sense; 0 when unknown.
	RetryAfter time.Duration
	// Continue, of an Expired list, is a token to go on with all the same: for the rest of the collection as it is now.
	Continue string

	cause error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns what caused the error, on the side where it arose.
func (e *Error) Unwrap() error { return e.cause }

// WithCause returns a copy that wraps the cause. The cause does not travel.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

func object(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return fmt.Sprintf("%s %q", kind, name)
}

func about(r Reason, kind, namespace, name, message string) *Error {
	return &Error{Reason: r, Kind: kind, Namespace: namespace, Name: name, Message: object(kind, namespace, name) + " " + message}
}

// NotFound says that an object does not exist.
func NotFound(kind, namespace, name string) *Error {
	return about(ReasonNotFound, kind, namespace, name, "not found")
}

// AlreadyExists says that an object of that name is there already.
func AlreadyExists(kind, namespace, name string) *Error {
	return about(ReasonAlreadyExists, kind, namespace, name, "already exists")
}

// Conflict says that the object changed meanwhile; read it again, apply the change anew.
func Conflict(kind, namespace, name, message string) *Error {
	if message == "" {
		message = "the object has been modified; apply your change to the latest version"
	}
	return about(ReasonConflict, kind, namespace, name, "cannot be written: "+message)
}

// Invalid lists all that is wrong with an object.
func Invalid(kind, namespace, name string, violations []FieldViolation) *Error {
	texts := make([]string, len(violations))
	for i, v := range violations {
		texts[i] = v.String()
	}
	e := about(ReasonInvalid, kind, namespace, name, "is invalid: "+strings.Join(texts, "; "))
	e.Violations = violations
	return e
}

// BadRequest says that a request makes no sense, whatever the state of the cluster.
func BadRequest(message string, violations ...FieldViolation) *Error {
	return &Error{Reason: ReasonBadRequest, Message: message, Violations: violations}
}

// Forbidden says that the caller may not do that.
func Forbidden(message string) *Error { return &Error{Reason: ReasonForbidden, Message: message} }

// Unauthenticated says that the caller did not prove who it is.
func Unauthenticated(message string) *Error {
	return &Error{Reason: ReasonUnauthenticated, Message: message}
}

// Expired says that a revision or a continue token is too old: list again.
func Expired(message string) *Error { return &Error{Reason: ReasonExpired, Message: message} }

// FailedPrecondition says that the state of the cluster forbids the request.
func FailedPrecondition(message string) *Error {
	return &Error{Reason: ReasonFailedPrecondition, Message: message}
}

// TooManyRequests asks the caller to come back later.
func TooManyRequests(message string, after time.Duration) *Error {
	return &Error{Reason: ReasonTooManyRequests, Message: message, RetryAfter: after}
}

// DisruptionBudget says that a pod cannot be evicted now, since too few of its like would be left. Unlike TooManyRequests
// it is not tried again by clients of themselves: the wait may be long, and whoever evicts wants to know of it.
func DisruptionBudget(namespace, pod, message string, after time.Duration) *Error {
	e := about(ReasonDisruptionBudget, "pods.core", namespace, pod, "cannot be evicted now: "+message)
	e.RetryAfter = after
	return e
}

// TooLarge says that a request or an object is over a limit.
func TooLarge(message string) *Error { return &Error{Reason: ReasonTooLarge, Message: message} }

// Unavailable says that a part of the system cannot answer now. Whether a write took effect may be unknown.
func Unavailable(message string) *Error { return &Error{Reason: ReasonUnavailable, Message: message} }

// Unimplemented says that this server does not do that.
func Unimplemented(message string) *Error {
	return &Error{Reason: ReasonUnimplemented, Message: message}
}

// Internal wraps a failure that the caller can do nothing about.
func Internal(cause error) *Error {
	return &Error{Reason: ReasonInternal, Message: "internal error: " + cause.Error(), cause: cause}
}

// ReasonOf returns the reason of an error of the API, also when wrapped; empty for nil and for other errors.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// IsNotFound reports whether the object does not exist.
func IsNotFound(err error) bool { return ReasonOf(err) == ReasonNotFound }

// IsAlreadyExists reports whether the name is taken.
func IsAlreadyExists(err error) bool { return ReasonOf(err) == ReasonAlreadyExists }

// IsConflict reports whether a compare-and-swap was lost.
func IsConflict(err error) bool { return ReasonOf(err) == ReasonConflict }

// IsInvalid reports whether the object breaks the rules of its kind.
func IsInvalid(err error) bool { return ReasonOf(err) == ReasonInvalid }

// IsExpired reports whether a revision is too old.
func IsExpired(err error) bool { return ReasonOf(err) == ReasonExpired }

// IsForbidden reports whether the caller may not do that.
func IsForbidden(err error) bool { return ReasonOf(err) == ReasonForbidden }

// IsUnavailable reports whether the server, or what it needs, could not be reached.
func IsUnavailable(err error) bool { return ReasonOf(err) == ReasonUnavailable }

// IsTooManyRequests reports whether the caller is asked to slow down.
func IsTooManyRequests(err error) bool { return ReasonOf(err) == ReasonTooManyRequests }

// IsDisruptionBudget reports whether a disruption budget forbids an eviction for now.
func IsDisruptionBudget(err error) bool { return ReasonOf(err) == ReasonDisruptionBudget }

// IsRetriable reports whether the same call may go through later.
func IsRetriable(err error) bool {
	switch ReasonOf(err) {
	case ReasonUnavailable, ReasonTooManyRequests, ReasonDisruptionBudget, ReasonTimeout:
		return true
	}
	return false
}
