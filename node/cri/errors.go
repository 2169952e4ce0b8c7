package cri

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is a call that the runtime refused or that did not reach it.
type Error struct {
	Op   string // the CRI method
	ID   string // of what it was about, if anything
	Code codes.Code
	// Message is the runtime's own.
	Message string
}

func (e *Error) Error() string {
	if e.ID == "" {
		return fmt.Sprintf("%s: %s", e.Op, e.Message)
	}
	return fmt.Sprintf("%s %s: %s", e.Op, e.ID, e.Message)
}

// Is makes a context's errors visible through the code that carried them.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

// NewError makes an error as a runtime would give it; fakes use it.
func NewError(op, id string, code codes.Code, message string) error {
	return &Error{Op: op, ID: id, Code: code, Message: message}
}

func wrap(op, id string, err error) error {
	s := status.Convert(err)
	return &Error{Op: op, ID: id, Code: s.Code(), Message: s.Message()}
}

func code(err error) codes.Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return codes.OK
}

// Message is the runtime's own message, without what the agent put around it.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// IsNotFound tells whether the runtime does not have what was asked for.
func IsNotFound(err error) bool { return code(err) == codes.NotFound }

// IsUnsupported tells whether the runtime does not know the method.
func IsUnsupported(err error) bool { return code(err) == codes.Unimplemented }

// IsUnavailable tells whether the runtime could not be reached.
func IsUnavailable(err error) bool { return code(err) == codes.Unavailable }
