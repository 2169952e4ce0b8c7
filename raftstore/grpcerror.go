package raftstore

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/raftstore/mvcc"
	"kaji.dev/kaji/raftstore/watch"
)

// errorDomain is the google.rpc.ErrorInfo.domain of the store's errors.
const errorDomain = "store.kaji.dev"

var codeOf = map[Reason]codes.Code{
	mvcc.Compacted:      codes.OutOfRange,
	mvcc.FutureRevision: codes.InvalidArgument,
	mvcc.Invalid:        codes.InvalidArgument,
	mvcc.LeaseNotFound:  codes.NotFound,
	mvcc.LeaseExists:    codes.AlreadyExists,
	mvcc.Corrupt:        codes.DataLoss,
	mvcc.Unreadable:     codes.FailedPrecondition,
	mvcc.Poisoned:       codes.Internal,
	Unavailable:         codes.Unavailable,
	OutcomeUnknown:      codes.Unavailable,
	NoSpace:             codes.ResourceExhausted,
	TooManyRequests:     codes.ResourceExhausted,
	Forbidden:           codes.PermissionDenied,
	Refused:             codes.FailedPrecondition,
	Internal:            codes.Internal,
}

// toStatus turns an error of a Store into the gRPC status it travels as.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	e := toError(err)
	if e == nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return status.FromContextError(err).Err()
		}
		return err
	}
	s := status.New(codeOf[e.Reason], e.Message)
	if d, err := s.WithDetails(&errdetails.ErrorInfo{Reason: string(e.Reason), Domain: errorDomain}); err == nil {
		s = d
	}
	return s.Err()
}

// toError gives the Error that an error of a Store is told as; nil for a context's and for one that is a status already.
func toError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, watch.ErrLost):
		return &Error{Reason: Unavailable, Message: "this member cannot go on with the watch: it is shutting down or has lost its leader"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return nil
	}
	return &Error{Reason: Internal, Message: err.Error()}
}

// fromStatus turns the status of a call back into a Store's error. sent tells whether the request may have
// got to the server, write whether it changes anything: together they say whether a lost
// connection leaves the outcome open.
func fromStatus(ctx context.Context, err error, sent, write bool) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err // Not from gRPC: io.EOF.
	}
	if e := errorIn(s); e != nil {
		return e
	}
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded:
		if ctx.Err() != nil {
			return ctx.Err()
		}
	case codes.ResourceExhausted, codes.InvalidArgument:
		return &Error{Reason: mvcc.Invalid, Message: s.Message()} // gRPC's own bounds.
	case codes.PermissionDenied, codes.Unauthenticated:
		return &Error{Reason: Forbidden, Message: s.Message()}
	case codes.Internal, codes.Unknown, codes.Unimplemented, codes.DataLoss:
		if !write {
			return &Error{Reason: Internal, Message: s.Message()}
		}
	}
	if sent && write {
		return &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown: " + s.Message()}
	}
	return &Error{Reason: Unavailable, Message: s.Message()}
}

// errorIn gives the Store's error that a status carries, or nil.
func errorIn(s *status.Status) *Error {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.Domain == errorDomain {
			return &Error{Reason: Reason(info.Reason), Message: s.Message()}
		}
	}
	return nil
}
