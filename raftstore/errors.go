package raftstore

import (
	"errors"

	"kaji.dev/kaji/raftstore/mvcc"
)

// Reason is what kind of refusal an error of a Store is.
type Reason = mvcc.Reason

// Error is a refusal by a Store.
type Error = mvcc.Error

// Reasons that come from the members around the state machine; the rest are mvcc's.
const (
	// Unavailable: no leader, or the member is going away. The request was not carried out and never
	// will be, so it can be sent again.
	Unavailable Reason = "UNAVAILABLE"
	// OutcomeUnknown: the way to the leader, or its leadership, was lost after the write was sent. It may have
	// been carried out or may yet be; read before sending it again.
	OutcomeUnknown Reason = "OUTCOME_UNKNOWN"
	// NoSpace: the store holds as many bytes as its quota allows, or the disks of a majority of members are nearly full. Deletes and
	// compactions still work, and so do updates that make nothing larger.
	NoSpace Reason = "NO_SPACE"
	// TooManyRequests: the queue of writes is full.
	TooManyRequests Reason = "TOO_MANY_REQUESTS"
	// Forbidden: the caller's identity may not use the store.
	Forbidden Reason = "FORBIDDEN"
	// Refused: a change of the members that would do harm, or names a member that is not there.
	Refused Reason = "REFUSED"
	// Internal: a fault in the store.
	Internal Reason = "INTERNAL"
)

// Errors to compare with by errors.Is; those that are returned have messages of their own.
var (
	ErrCompacted       = &Error{Reason: mvcc.Compacted, Message: "the revision has been compacted"}
	ErrFutureRevision  = &Error{Reason: mvcc.FutureRevision, Message: "the revision is in the future"}
	ErrInvalid         = &Error{Reason: mvcc.Invalid, Message: "the request is invalid"}
	ErrLeaseNotFound   = &Error{Reason: mvcc.LeaseNotFound, Message: "there is no such lease"}
	ErrLeaseExists     = &Error{Reason: mvcc.LeaseExists, Message: "the lease exists"}
	ErrCorrupt         = &Error{Reason: mvcc.Corrupt, Message: "the copy is damaged"}
	ErrUnreadable      = &Error{Reason: mvcc.Unreadable, Message: "the format cannot be read"}
	ErrUnavailable     = &Error{Reason: Unavailable, Message: "the store is unavailable"}
	ErrOutcomeUnknown  = &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown"}
	ErrNoSpace         = &Error{Reason: NoSpace, Message: "the store's quota is used up"}
	ErrTooManyRequests = &Error{Reason: TooManyRequests, Message: "too many writes are waiting"}
	ErrForbidden       = &Error{Reason: Forbidden, Message: "the caller may not use the store"}
	ErrRefused         = &Error{Reason: Refused, Message: "the change is refused"}
)

// ReasonOf gives the reason of a Store's error, or "" for nil and for foreign errors.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}
