package leader

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func elector(t *testing.T, c *client.Client, identity string, change func(*Config)) *Elector {
	t.Helper()
	config := Config{Namespace: "kaji-system", Name: "test", Identity: identity}
	if change != nil {
		change(&config)
	}
	e, err := New(c, config, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func lease(t *testing.T, c *client.Client) *coordinationv1.Lease {
	t.Helper()
	l, err := client.Of[*coordinationv1.Lease](c).Get(t.Context(), "kaji-system", "test")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func untilDone(ctx context.Context) error { <-ctx.Done(); return nil }

func TestLeadsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.New()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		e := elector(t, c, "a", func(config *Config) { config.Address = "10.0.0.1:7443" })
		go func() { done <- e.Run(ctx, untilDone) }()
		time.Sleep(time.Minute)
		l := lease(t, c)
		if l.GetSpec().GetHolderIdentity() != "a" || l.GetMetadata().GetAnnotations()[AddressAnnotation] != "10.0.0.1:7443" {
			t.Errorf("the lease is %v", l)
		}
		if age := time.Since(l.GetSpec().GetRenewTime().AsTime()); age > 3*time.Second {
			t.Errorf("last renewed %v ago", age)
		}
		if l.GetSpec().GetLeaseTransitions() != 0 || l.GetSpec().GetLeaseDurationSeconds() != 15 {
			t.Errorf("spec %v", l.GetSpec())
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if l := lease(t, c); l.GetSpec().GetHolderIdentity() != "" || l.GetMetadata().GetAnnotations()[AddressAnnotation] != "" {
			t.Errorf("not given up: %v", l)
		}
	})
}

// Two candidates: never two leaders; the second takes over quickly after a release, and after the lease's duration when the first is cut off.
func TestOneLeaderAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := fake.NewServer()
		var leading atomic.Int32
		lead := func(ctx context.Context) error {
			if leading.Add(1) > 1 {
				t.Error("two leaders")
			}
			<-ctx.Done()
			leading.Add(-1)
			return nil
		}
		var cut atomic.Bool
		cutOff := fakeCutOff{server: server, cut: &cut}
		first := elector(t, client.New(cutOff), "a", nil)
		second := elector(t, server.Client(), "b", nil)
		firstDone, secondDone := make(chan error, 1), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { firstDone <- first.Run(ctx, lead) }()
		time.Sleep(3 * time.Second)
		go func() { secondDone <- second.Run(ctx, lead) }()
		time.Sleep(time.Minute)
		if holder := lease(t, server.Client()).GetSpec().GetHolderIdentity(); holder != "a" {
			t.Fatalf("%q leads", holder)
		}
		cut.Store(true)
		began := time.Now()
		if err := <-firstDone; !errors.Is(err, ErrLost) {
			t.Errorf("the one cut off ended with %v", err)
		}
		if took := time.Since(began); took > 13*time.Second {
			t.Errorf("stopped leading after %v", took)
		}
		time.Sleep(10 * time.Second)
		l := lease(t, server.Client())
		if l.GetSpec().GetHolderIdentity() != "b" || l.GetSpec().GetLeaseTransitions() != 1 {
			t.Errorf("after the lease ran out: %v", l.GetSpec())
		}
		cancel()
		if err := <-secondDone; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A clock that is a day off on the other side changes nothing: only what is observed counts.
func TestClockSkew(t *testing.T) {
	for name, skew := range map[string]time.Duration{"behind": -24 * time.Hour, "ahead": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := fake.New()
				leases := client.Of[*coordinationv1.Lease](c)
				other, err := leases.Create(t.Context(), &coordinationv1.Lease{
					Metadata: &metav1.ObjectMeta{Namespace: "kaji-system", Name: "test"},
					Spec:     &coordinationv1.LeaseSpec{HolderIdentity: proto.String("other"), LeaseDurationSeconds: proto.Int32(15), RenewTime: timestamppb.New(time.Now().Add(skew))},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				e := elector(t, c, "a", nil)
				go func() { done <- e.Run(ctx, untilDone) }()
				for range 10 {
					time.Sleep(5 * time.Second)
					other.Spec.RenewTime = timestamppb.New(time.Now().Add(skew))
					if other, err = leases.Update(ctx, other); err != nil {
						t.Fatalf("the other could not renew: %v", err)
					}
				}
				time.Sleep(25 * time.Second)
				if holder := lease(t, c).GetSpec().GetHolderIdentity(); holder != "a" {
					t.Errorf("%q leads although the other is silent", holder)
				}
				cancel()
				<-done
			})
		})
	}
}

func TestLeadErrorEndsRun(t *testing.T) {
	c := fake.New()
	wrong := errors.New("wrong")
	if err := elector(t, c, "a", nil).Run(t.Context(), func(context.Context) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("Run: %v", err)
	}
	if holder := lease(t, c).GetSpec().GetHolderIdentity(); holder != "" {
		t.Errorf("%q still holds the lease", holder)
	}
}

func TestValidate(t *testing.T) {
	for name, config := range map[string]Config{
		"no name":          {Namespace: "a", Identity: "i"},
		"no identity":      {Namespace: "a", Name: "b"},
		"slow deadline":    {Namespace: "a", Name: "b", Identity: "i", RenewDeadline: 20 * time.Second},
		"slow retry":       {Namespace: "a", Name: "b", Identity: "i", RetryPeriod: 10 * time.Second},
		"negative periods": {Namespace: "a", Name: "b", Identity: "i", RetryPeriod: -time.Second},
	} {
		if config.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

type fakeCutOff struct {
	server *fake.Server
	cut    *atomic.Bool
}

var errCut = apierror.ToStatus(apierror.Unavailable("cut off"))

func (f fakeCutOff) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if f.cut.Load() {
		return errCut
	}
	return f.server.Invoke(ctx, method, args, reply, opts...)
}

func (f fakeCutOff) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return f.server.NewStream(ctx, d, method, opts...)
}
