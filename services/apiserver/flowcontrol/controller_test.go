package flowcontrol

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
)

func newController(t testing.TB, cfg Config, clk Clock) *Controller {
	t.Helper()
	c, err := New(cfg, nil, clk)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fillLevel takes all seats that a level can get.
func fillLevel(t *testing.T, c *Controller, level string) (leave func()) {
	t.Helper()
	var held []*request
	for {
		c.mu.Lock()
		fits := c.pool.fits(c.levels[level], 1)
		c.mu.Unlock()
		if !fits {
			break
		}
		r, err := c.enter(t.Context(), level, "filler"+strconv.Itoa(len(held)), 1, noBytes)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, r)
	}
	return func() {
		for _, r := range held {
			c.leave(r)
		}
	}
}

// waiting returns once so many calls wait in a level.
func waiting(t *testing.T, c *Controller, level string, n int) {
	t.Helper()
	for {
		c.mu.Lock()
		have := c.levels[level].queued
		c.mu.Unlock()
		if have == n {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%d calls wait, not %d", have, n)
		default:
		}
	}
}

func TestACallThatWaitsTooLongIsTurnedAway(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	c := newController(t, Config{Seats: 20, MaxWait: 5 * time.Second}, clk)
	leave := fillLevel(t, c, LevelWorkloadLow)
	failed := make(chan error, 1)
	go func() {
		_, err := c.enter(t.Context(), LevelWorkloadLow, "alice", 1, noBytes)
		failed <- err
	}()
	waiting(t, c, LevelWorkloadLow, 1)
	for !clk.HasWaiters() {
		if t.Context().Err() != nil {
			t.Fatal("the call sets no timer")
		}
	}
	clk.Step(5 * time.Second)
	err := <-failed
	s, _ := status.FromError(apierror.ToStatus(err))
	if s.Code() != codes.ResourceExhausted {
		t.Fatalf("it is told %v", err)
	}
	var info *errdetails.ErrorInfo
	var retry *errdetails.RetryInfo
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d
		}
	}
	if info.GetReason() != string(apierror.ReasonTooManyRequests) {
		t.Errorf("the reason is %v", info)
	}
	if d := retry.GetRetryDelay().AsDuration(); d < 500*time.Millisecond || d > 1500*time.Millisecond {
		t.Errorf("it is to come back after %s", d)
	}
	if got := gather(t, c)[prefix+"wait_seconds"]; got != 1 {
		t.Errorf("%d levels have waits", got)
	}
	leave()
	r, err := c.enter(t.Context(), LevelWorkloadLow, "alice", 1, noBytes)
	if err != nil {
		t.Fatalf("with seats free: %v", err)
	}
	c.leave(r)
}

func TestACallerThatGivesUpLeavesTheQueue(t *testing.T) {
	c := newController(t, Config{Seats: 20}, clock.RealClock{})
	leave := fillLevel(t, c, LevelWorkloadLow)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := c.enter(ctx, LevelWorkloadLow, "alice", 1, noBytes)
		failed <- err
	}()
	waiting(t, c, LevelWorkloadLow, 1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("it is told %v", err)
	}
	waiting(t, c, LevelWorkloadLow, 0)
	leave()
}

// Calls of all sorts at once, with callers that give up: at the end all seats are free.
func TestSeatsAreNotLost(t *testing.T) {
	c := newController(t, Config{Seats: 8, Levels: DefaultLevels()}, clock.RealClock{})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%3 == 0 {
					go cancel()
				}
				r, err := c.enter(ctx, limited[i%len(limited)], fmt.Sprint(i%7), 1+j%4, noBytes)
				if err == nil {
					c.leave(r)
				}
				cancel()
			}
		})
	}
	all.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.pool.levels {
		if l.used != 0 || l.queued != 0 || len(l.flows) != 0 {
			t.Errorf("level %s is left with %d seats used, %d queued, %d flows", l.Name, l.used, l.queued, len(l.flows))
		}
	}
}

type fakeStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *fakeStream) Context() context.Context { return s.ctx }
func (s *fakeStream) RecvMsg(any) error        { return nil }
func (s *fakeStream) SendMsg(any) error        { return nil }

func TestStreamsAreBoundedPerIdentity(t *testing.T) {
	c := newController(t, Config{StreamsPerIdentity: 2, Streams: 3}, clock.RealClock{})
	open := func(who string, then func()) error {
		ss := &fakeStream{ctx: identity.NewContext(t.Context(), identity.Identity{Name: who})}
		return c.Stream(nil, ss, &grpc.StreamServerInfo{FullMethod: "/kaji.core.v1.PodService/ExecPod"}, func(any, grpc.ServerStream) error {
			then()
			return nil
		})
	}
	reached := false
	err := open("alice", func() {
		if err := open("alice", func() {
			if err := open("alice", func() {}); !apierror.IsTooManyRequests(err) {
				t.Errorf("the third stream of one identity: %v", err)
			}
			if err := open("bob", func() {
				reached = true
				if err := open("carol", func() {}); !apierror.IsTooManyRequests(err) {
					t.Errorf("the fourth stream: %v", err)
				}
			}); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Error(err)
		}
	})
	if err != nil || !reached {
		t.Fatal(err, reached)
	}
	if err := open("alice", func() {}); err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}

// A watch holds its seat until it stands, and no longer.
func TestAWatchCountsUntilItStands(t *testing.T) {
	c := newController(t, Config{}, clock.RealClock{})
	ss := &fakeStream{ctx: identity.NewContext(t.Context(), identity.Identity{Name: "alice"})}
	used := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.levels[LevelWorkloadLow].used
	}
	info := &grpc.StreamServerInfo{FullMethod: "/kaji.core.v1.PodService/WatchPods"}
	for _, answers := range []bool{true, false} {
		err := c.Stream(nil, ss, info, func(_ any, ss grpc.ServerStream) error {
			if err := ss.RecvMsg(&metav1.WatchRequest{}); err != nil {
				return err
			}
			if used() != 1 {
				t.Errorf("a watch that begins uses %d seats", used())
			}
			if answers {
				if err := ss.SendMsg(nil); err != nil {
					return err
				}
				if used() != 0 {
					t.Errorf("a watch that stands uses %d seats", used())
				}
			}
			return nil
		})
		if err != nil || used() != 0 {
			t.Errorf("a watch that ended leaves %d seats used, error %v", used(), err)
		}
	}
}

// gather counts the metrics of each name, and fails when they contradict what they say they are.
func gather(t *testing.T, c *Controller) map[string]int {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range families {
		out[f.GetName()] = len(f.GetMetric())
	}
	return out
}

func TestEveryLevelHasMetrics(t *testing.T) {
	got := gather(t, newController(t, Config{}, clock.RealClock{}))
	for _, name := range []string{"seats", "seats_used", "inflight", "queued", "dispatched_total"} {
		if got[prefix+name] != len(limited) {
			t.Errorf("%s has %d levels", name, got[prefix+name])
		}
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	for name, cfg := range map[string]Config{
		"too few seats":   {Seats: 3},
		"a level missing": {Levels: DefaultLevels()[1:]},
		"unknown level":   {Levels: append(DefaultLevels(), Level{Name: "x", Shares: 1})},
		"no shares":       {Levels: append(DefaultLevels()[1:], Level{Name: LevelSystem})},
	} {
		if cfg.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if _, err := WithShares(DefaultLevels(), map[string]int{"none": 1}); err == nil {
		t.Error("shares for a level that is not there")
	}
}

// BenchmarkUncontended is what flow control costs a call that need not wait.
func BenchmarkUncontended(b *testing.B) {
	c := newController(b, Config{}, clock.RealClock{})
	ctx := identity.NewContext(context.Background(), identity.Identity{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}})
	req := &metav1.GetRequest{Namespace: "default", Name: "web"}
	info := &grpc.UnaryServerInfo{FullMethod: "/kaji.core.v1.PodService/GetPod"}
	next := func(context.Context, any) (any, error) { return nil, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Unary(ctx, req, info, next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkContended has a hundred identities pass through few seats.
func BenchmarkContended(b *testing.B) {
	c := newController(b, Config{Seats: 8}, clock.RealClock{})
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if r, err := c.enter(context.Background(), LevelWorkloadLow, strconv.Itoa(i%100), 1, noBytes); err == nil {
				c.leave(r)
			}
		}
	})
}
