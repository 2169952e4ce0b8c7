package mvcc

import "fmt"

// Reason is what kind of refusal an Error is. The set is closed: callers switch over it.
type Reason string

const (
	// Compacted: the revision asked for has been forgotten.
	Compacted Reason = "COMPACTED"
	// FutureRevision: the revision asked for has not been reached.
	FutureRevision Reason = "FUTURE_REVISION"
	// Invalid: the request can never be served.
	Invalid Reason = "INVALID"
	// LeaseNotFound: there is no such lease, or no longer.
	LeaseNotFound Reason = "LEASE_NOT_FOUND"
	// LeaseExists: the id asked for is taken.
	LeaseExists Reason = "LEASE_EXISTS"
	// Corrupt: a snapshot is damaged or cut short.
	Corrupt Reason = "CORRUPT"
	// Poisoned: applying a command failed as it must not, for a fault in the program. The command changed nothing, on any member.
	Poisoned Reason = "POISONED"
	// Unreadable: a snapshot or a log entry has a format that this program does not read.
	Unreadable Reason = "UNREADABLE_FORMAT"
)

// Error is a refusal by the state machine. Two Errors are the same to errors.Is when their reasons are.
type Error struct {
	Reason  Reason
	Message string
}

func (e *Error) Error() string { return e.Message }

// Is compares reasons.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

func errorf(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Message: fmt.Sprintf(format, args...)}
}
