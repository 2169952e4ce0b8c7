package apierror_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/apierror"
)

func TestErrorsSurviveTheWire(t *testing.T) {
	in := []*apierror.Error{
		apierror.NotFound("Pod", "default", "web"),
		apierror.AlreadyExists("Node", "", "n1"),
		apierror.Conflict("Pod", "default", "web", ""),
		apierror.Invalid("Pod", "default", "web", []apierror.FieldViolation{
			{Field: "spec.containers", Description: "required", Reason: "FieldValueRequired"},
			{Field: "metadata.name", Description: "too long"},
		}),
		apierror.TooManyRequests("slow down", 2*time.Second),
		apierror.Expired("revision 3 is compacted"),
		{Reason: apierror.ReasonExpired, Message: "list again", Continue: "token"},
		apierror.Forbidden("no"), apierror.Unavailable("no leader"), apierror.TooLarge("9 MiB"),
	}
	for _, want := range in {
		var got *apierror.Error
		if err := apierror.FromStatus(apierror.ToStatus(fmt.Errorf("wrapped: %w", want))); !errors.As(err, &got) {
			t.Fatalf("%v did not come back as an API error: %v", want, err)
		}
		if got.Reason != want.Reason || got.Message != want.Message || got.Name != want.Name || got.Kind != want.Kind ||
			got.Namespace != want.Namespace || got.RetryAfter != want.RetryAfter || got.Continue != want.Continue || fmt.Sprint(got.Violations) != fmt.Sprint(want.Violations) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestForeignErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		code codes.Code
	}{
		{nil, codes.OK},
		{context.Canceled, codes.Canceled},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), codes.DeadlineExceeded},
		{errors.New("boom"), codes.Internal},
		{status.Error(codes.Unavailable, "gone"), codes.Unavailable},
	} {
		if got := apierror.Code(c.err); got != c.code {
			t.Errorf("Code(%v) = %v, want %v", c.err, got, c.code)
		}
	}
	if !apierror.IsUnavailable(apierror.FromStatus(status.Error(codes.Unavailable, "gone"))) {
		t.Error("a bare UNAVAILABLE is not recognised")
	}
}
