package leader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// slow is a connection on which calls reach the server at once and are answered late.
type slow struct {
	*fake.Server
	late *atomic.Int64 // nanoseconds
}

func (s slow) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := s.Server.Invoke(ctx, method, args, reply, opts...)
	late := time.Duration(s.late.Load())
	select {
	case <-time.After(late):
		return err
	case <-ctx.Done():
		return apierror.ToStatus(apierror.FromStatus(ctx.Err()))
	}
}

// Leadership counts from before the lease was written, not from when the answer came: others have counted since then.
func TestSlowAnswersDoNotProlongLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, late := fake.NewServer(), &atomic.Int64{}
		late.Store(int64(4500 * time.Millisecond)) // read and write: 9 s of 10
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var cut time.Time
		e := elector(t, client.New(slow{server, late}), "a", nil)
		began := time.Now()
		err := e.Run(ctx, func(ctx context.Context) error {
			late.Store(int64(time.Hour))
			<-ctx.Done()
			cut = time.Now()
			return nil
		})
		if took := cut.Sub(began); !errors.Is(err, ErrLost) || took > 10*time.Second {
			t.Errorf("led until %v after the first attempt began, %v", took, err)
		}
		// Whoever else saw the lease written, as early as it can have been, takes it no sooner than 15 s after.
		if written := lease(t, server.Client()).GetSpec().GetRenewTime().AsTime(); cut.Sub(written) > 10*time.Second {
			t.Errorf("led %v beyond the writing of the lease", cut.Sub(written))
		}
	})
}

// A machine that slept may have lost its lease meanwhile: its leader stops before it does anything else.
func TestSleepCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		e := elector(t, fake.New(), "a", nil)
		began := time.Now()
		e.clock = clock{slept: func() time.Duration { return time.Since(began) + time.Duration(slept.Load()) }}
		done := make(chan error, 1)
		var stopped time.Time
		go func() {
			done <- e.Run(t.Context(), func(ctx context.Context) error { <-ctx.Done(); stopped = time.Now(); return nil })
		}()
		time.Sleep(time.Minute + 100*time.Millisecond)
		slept.Store(int64(6 * time.Second)) // short enough to go on
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("a short sleep ended it: %v", err)
		default:
		}
		woke := time.Now()
		slept.Store(int64(time.Hour))
		if err := <-done; !errors.Is(err, ErrLost) {
			t.Errorf("after an hour of sleep: %v", err)
		}
		if took := stopped.Sub(woke); took > time.Second {
			t.Errorf("led on for %v after waking up", took)
		}
	})
}

// The lease vanishes under a leader: who has seen it waits as if it were there, and the leader makes it again.
func TestDeletedLease(t *testing.T) {
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
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		for _, name := range []string{"a", "b"} {
			e := elector(t, server.Client(), name, nil)
			go func() { done <- e.Run(ctx, lead) }()
			time.Sleep(3 * time.Second)
		}
		for range 20 {
			time.Sleep(5300 * time.Millisecond) // time to make it again, and for the other to see it
			if err := client.Of[*coordinationv1.Lease](server.Client()).Delete(ctx, "kaji-system", "test", nil); err != nil && !apierror.IsNotFound(err) {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		if holder := lease(t, server.Client()).GetSpec().GetHolderIdentity(); holder != "a" {
			t.Errorf("%q leads", holder)
		}
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// Candidates behind connections that break, at random, for random times: never do two lead, and always does one before long.
func TestNeverTwoLeaders(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				server := fake.NewServer()
				var leading atomic.Int32
				lead := func(ctx context.Context) error {
					if leading.Add(1) > 1 {
						t.Error("two leaders")
					}
					<-ctx.Done()
					time.Sleep(4 * time.Second) // as slow as one may be
					leading.Add(-1)
					return nil
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{}, 3)
				var cuts [3]atomic.Bool
				for i := range cuts {
					e := elector(t, client.New(fakeCutOff{server: server, cut: &cuts[i]}), fmt.Sprint("c", i), nil)
					go func() {
						for ctx.Err() == nil {
							if err := e.Run(ctx, lead); err != nil && !errors.Is(err, ErrLost) {
								t.Error(err)
							}
						}
						done <- struct{}{}
					}()
				}
				for range 30 {
					cuts[random.IntN(len(cuts))].Store(random.IntN(2) == 0)
					time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
				}
				for i := range cuts {
					cuts[i].Store(false)
				}
				time.Sleep(time.Minute)
				if leading.Load() != 1 {
					t.Errorf("%d leaders when all is well", leading.Load())
				}
				cancel()
				for range cuts {
					<-done
				}
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
