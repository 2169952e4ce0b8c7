package client

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kaji.dev/kaji/apierror"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"
)

func TestRetry(t *testing.T) {
	unavailable := apierror.ToStatus(apierror.Unavailable("down"))
	noLeader := apierror.ToStatus(&apierror.Error{Reason: apierror.ReasonUnavailable, Message: "no leader", RetryAfter: time.Nanosecond})
	later := apierror.ToStatus(apierror.TooManyRequests("slow down", time.Nanosecond))
	tooNew := apierror.ToStatus(&apierror.Error{Reason: apierror.ReasonTimeout, Message: "not yet", RetryAfter: time.Nanosecond})
	for _, tc := range []struct {
		name       string
		err        error
		repeatable bool
		unsent     bool
		failures   int
		calls      int
		fails      bool
	}{
		{name: "read survives an outage", err: unavailable, repeatable: true, failures: 2, calls: 3},
		{name: "read gives up", err: unavailable, repeatable: true, failures: 9, calls: 4, fails: true},
		{name: "write is not repeated", err: unavailable, failures: 1, calls: 1, fails: true},
		{name: "write that was not sent is repeated", err: unavailable, unsent: true, failures: 2, calls: 3},
		{name: "write that the store did not take is repeated", err: noLeader, failures: 2, calls: 3},
		{name: "write turned away is repeated", err: later, failures: 2, calls: 3},
		{name: "a revision that is not there yet is waited for", err: tooNew, repeatable: true, failures: 2, calls: 3},
		{name: "final errors are final", err: apierror.ToStatus(apierror.NotFound("pods.core", "a", "b")), repeatable: true, failures: 1, calls: 1, fails: true},
		{name: "a lost race is the caller's", err: apierror.ToStatus(apierror.Conflict("pods.core", "a", "b", "")), failures: 1, calls: 1, fails: true},
		{name: "a deadline is a deadline", err: context.DeadlineExceeded, repeatable: true, failures: 1, calls: 1, fails: true},
		{name: "a bug is not repeated", err: apierror.ToStatus(apierror.Internal(errors.New("bug"))), repeatable: true, failures: 1, calls: 1, fails: true},
		{name: "a message over the limit is final", err: status.Error(codes.ResourceExhausted, "message too large"), repeatable: true, failures: 1, calls: 1, fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			err := retry{attempts: 4, base: time.Nanosecond, most: time.Microsecond}.do(t.Context(), tc.repeatable, func() (bool, error) {
				if calls++; calls <= tc.failures {
					return !tc.unsent, tc.err
				}
				return true, nil
			})
			if calls != tc.calls || (err != nil) != tc.fails {
				t.Errorf("%d calls, error %v; want %d calls, failure %v", calls, err, tc.calls, tc.fails)
			}
		})
	}
}

// Every reason there is has its line in the table, or is named here as one that no repetition helps.
func TestEveryReasonHasAPolicy(t *testing.T) {
	final := []apierror.Reason{
		apierror.ReasonNotFound, apierror.ReasonAlreadyExists, apierror.ReasonInvalid, apierror.ReasonBadRequest, apierror.ReasonForbidden,
		apierror.ReasonUnauthenticated, apierror.ReasonFailedPrecondition, apierror.ReasonTooLarge, apierror.ReasonQuotaExceeded,
		apierror.ReasonCanceled, apierror.ReasonUnimplemented,
	}
	for code := codes.OK + 1; code <= codes.Unauthenticated; code++ {
		reason := apierror.ReasonOf(apierror.FromStatus(status.Error(code, "")))
		if _, in := repeats[reason]; in == slices.Contains(final, reason) {
			t.Errorf("%v (%s) is in the table: %v, and final: %v", code, reason, in, slices.Contains(final, reason))
		}
	}
	for _, reason := range final {
		if worthwhile(&apierror.Error{Reason: reason, RetryAfter: time.Second}, true) {
			t.Errorf("%s is repeated", reason)
		}
	}
}

func TestWaitsAreBoundedByServerCapAndDeadline(t *testing.T) {
	r := retry{attempts: 3, base: time.Millisecond, most: time.Second}
	for asked, least := range map[time.Duration]time.Duration{0: 0, time.Second: time.Second, 24 * time.Hour: retryAfterMost} {
		for range 100 {
			wait := r.wait(1, apierror.TooManyRequests("", asked))
			if most := max(least*6/5, time.Second); wait < least || wait > most {
				t.Fatalf("asked for %v, waits %v; want %v to %v", asked, wait, least, most)
			}
		}
	}
	// A wait that would outlast the call is not begun.
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began, calls := time.Now(), 0
		err := r.do(ctx, true, func() (bool, error) {
			calls++
			return true, apierror.ToStatus(apierror.TooManyRequests("slow down", time.Minute))
		})
		if took := time.Since(began); calls != 1 || took != 0 || err == nil {
			t.Errorf("%d calls in %v, error %v", calls, took, err)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := retry{attempts: 100, base: time.Hour, most: time.Hour}.do(ctx, true, func() (bool, error) {
		calls++
		cancel()
		return true, apierror.ToStatus(apierror.Unavailable("down"))
	})
	if calls != 1 || err == nil {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

func TestDelaysGrowWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := retry{base: time.Duration(rapid.IntRange(1, 1000).Draw(t, "base")), most: time.Duration(rapid.IntRange(1000, 100000).Draw(t, "most"))}
		n := rapid.IntRange(1, 200).Draw(t, "attempt")
		d, next := r.delay(n), r.delay(n+1)
		if d < r.base || d > r.most || next < d {
			t.Fatalf("attempt %d waits %v, the next %v, within %v and %v", n, d, next, r.base, r.most)
		}
		if j := jitter(d); j > d || j < d/2 {
			t.Fatalf("jitter made %v of %v", j, d)
		}
	})
}

func TestRepeatableMethods(t *testing.T) {
	for method, want := range map[string]bool{
		"/kaji.core.v1.PodService/GetPod":                    true,
		"/kaji.core.v1.PodService/ListPods":                  true,
		"/kaji.core.v1.PodService/CreatePod":                 false,
		"/kaji.core.v1.PodService/UpdatePodStatus":           false,
		"/kaji.core.v1.PodService/DeletePod":                 false,
		"/kaji.apps.v1.DeploymentService/GetDeploymentScale": true,
		"/kaji.api.v1.ResourceService/Get":                   true,
		"/kaji.api.v1.ResourceService/Create":                false,
	} {
		if got := repeatable(method); got != want {
			t.Errorf("%s: repeatable %v", method, got)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	err := (&Config{Endpoints: []string{"nowhere", ""}}).Validate()
	if err == nil {
		t.Fatal("taken")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("want every fault at once, got %v", err)
	}
}
