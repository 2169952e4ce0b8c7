package raftstore

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/raftstore/watch"
)

func TestErrorsTravel(t *testing.T) {
	for reason, code := range codeOf {
		sent := &Error{Reason: reason, Message: "why"}
		wire := toStatus(sent)
		if status.Code(wire) != code {
			t.Errorf("%s travels as %s, want %s", reason, status.Code(wire), code)
		}
		back := fromStatus(context.Background(), wire, true, true)
		if !errors.Is(back, sent) || back.Error() != "why" {
			t.Errorf("%s comes back as %v", reason, back)
		}
	}
	if err := fromStatus(context.Background(), toStatus(watch.ErrLost), true, false); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a lost watch comes back as %v", err)
	}
	if toStatus(nil) != nil || fromStatus(context.Background(), nil, true, true) != nil {
		t.Error("no error became one")
	}
}

// TestLostConnections: what a client may conclude from statuses that gRPC made itself.
func TestLostConnections(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, tc := range map[string]struct {
		ctx         context.Context
		code        codes.Code
		sent, write bool
		want        error
	}{
		"write not sent":           {context.Background(), codes.Unavailable, false, true, ErrUnavailable},
		"write sent":               {context.Background(), codes.Unavailable, true, true, ErrOutcomeUnknown},
		"read sent":                {context.Background(), codes.Unavailable, true, false, ErrUnavailable},
		"write, server's deadline": {context.Background(), codes.DeadlineExceeded, true, true, ErrOutcomeUnknown},
		"read, attempt's deadline": {context.Background(), codes.DeadlineExceeded, true, false, ErrUnavailable},
		"write, panic":             {context.Background(), codes.Internal, true, true, ErrOutcomeUnknown},
		"caller gave up":           {ended, codes.Canceled, true, true, context.Canceled},
		"too large":                {context.Background(), codes.ResourceExhausted, true, true, ErrInvalid},
		"no permission":            {context.Background(), codes.PermissionDenied, true, true, ErrForbidden},
	} {
		if got := fromStatus(tc.ctx, status.Error(tc.code, "x"), tc.sent, tc.write); !errors.Is(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
