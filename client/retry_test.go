package client

import (
	"context"
	"testing"
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
	for _, tc := range []struct {
		name       string
		err        error
		repeatable bool
		failures   int
		calls      int
		fails      bool
	}{
		{name: "read survives an outage", err: unavailable, repeatable: true, failures: 2, calls: 3},
		{name: "read gives up", err: unavailable, repeatable: true, failures: 9, calls: 4, fails: true},
		{name: "write is not repeated", err: unavailable, failures: 1, calls: 1, fails: true},
		{name: "write that the store did not take is repeated", err: noLeader, failures: 2, calls: 3},
		{name: "write turned away is repeated", err: later, failures: 2, calls: 3},
		{name: "final errors are final", err: apierror.ToStatus(apierror.NotFound("pods.core", "a", "b")), repeatable: true, failures: 1, calls: 1, fails: true},
		{name: "a message over the limit is final", err: status.Error(codes.ResourceExhausted, "message too large"), repeatable: true, failures: 1, calls: 1, fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			calls := 0
			err := retry{attempts: 4, base: time.Nanosecond, most: time.Microsecond}.do(t.Context(), tc.repeatable, func() error {
				if calls++; calls <= tc.failures {
					return tc.err
				}
				return nil
			})
			if calls != tc.calls || (err != nil) != tc.fails {
				t.Errorf("%d calls, error %v; want %d calls, failure %v", calls, err, tc.calls, tc.fails)
			}
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := retry{attempts: 100, base: time.Hour, most: time.Hour}.do(ctx, true, func() error {
		calls++
		cancel()
		return apierror.ToStatus(apierror.Unavailable("down"))
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
