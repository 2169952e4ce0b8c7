package authz_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/tap"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/authz"
)

func TestGateBoundsCallersWithoutIdentity(t *testing.T) {
	g := authz.NewGate(2)
	health := &tap.Info{FullMethodName: "/grpc.health.v1.Health/Watch"}
	reason := func(ctx context.Context, i *tap.Info) apierror.Reason {
		_, err := g.Tap(ctx, i)
		return apierror.ReasonOf(apierror.FromStatus(err))
	}
	first, end := context.WithCancel(t.Context())
	defer end()
	for range 3 {
		// Refused calls take no room.
		if got := reason(first, &tap.Info{FullMethodName: "/kaji.core.v1.PodService/ListPods"}); got != apierror.ReasonUnauthenticated {
			t.Errorf("a list: %q", got)
		}
	}
	if got := reason(first, health); got != "" {
		t.Fatalf("the first: %q", got)
	}
	if got := reason(t.Context(), health); got != "" {
		t.Fatalf("the second: %q", got)
	}
	if got := reason(t.Context(), health); got != apierror.ReasonTooManyRequests {
		t.Errorf("the third: %q", got)
	}
	known := identity.NewContext(t.Context(), identity.Identity{Name: identity.Scheduler})
	for range 5 {
		if got := reason(known, health); got != "" {
			t.Errorf("one who is known: %q", got)
		}
	}
	end()
	deadline := time.Now().Add(10 * time.Second)
	for reason(t.Context(), health) != "" {
		if time.Now().After(deadline) {
			t.Fatal("the end of the first made no room")
		}
	}
}
