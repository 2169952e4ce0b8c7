package raftstore

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// exchangeError is the error of a call that is done.
func exchangeError(ctx context.Context, c *exchangeCall, write bool) error {
	var lost *lostError
	switch {
	case c.err == nil:
		return nil
	case errors.As(c.err, &lost):
		if s := status.Convert(lost.cause); s.Code() == codes.PermissionDenied || s.Code() == codes.Unauthenticated {
			return fromStatus(ctx, lost.cause, false, write) // Before anything was taken from the stream.
		}
		if lost.sent && write {
			return &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown: " + status.Convert(lost.cause).Message()}
		}
		return &Error{Reason: Unavailable, Message: status.Convert(lost.cause).Message()}
	}
	return c.err
}

// lostError: the stream ended before the call was answered.
type lostError struct {
	cause error
	sent  bool
}

func (e *lostError) Error() string { return e.cause.Error() }
