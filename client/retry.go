package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// retry repeats unary calls that failed in a way that may pass: anything that a server turned away with RetryInfo, which says
// that nothing was done and when to come back (too many requests, a store without a leader); and reads whenever no server
// could be reached. A write that ended without such an answer may have taken effect, so its caller decides.
type retry struct {
	attempts   int
	base, most time.Duration
}

func (r retry) intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return r.do(ctx, repeatable(method), func() error { return invoke(ctx, method, req, reply, conn, opts...) })
}

func (r retry) do(ctx context.Context, repeatable bool, call func() error) error {
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil {
			return nil
		}
		e := apierror.FromStatus(err)
		// RESOURCE_EXHAUSTED without RetryInfo is gRPC's own word for a message over the limit: trying again is no use.
		turnedAway := (apierror.IsTooManyRequests(e) || apierror.IsUnavailable(e)) && retryAfter(e) > 0
		again := turnedAway || repeatable && apierror.IsUnavailable(e)
		if !again || attempt >= r.attempts || ctx.Err() != nil {
			return err
		}
		if !pause(ctx, max(jitter(r.delay(attempt)), retryAfter(e))) {
			return err
		}
	}
}

func (r retry) delay(attempt int) time.Duration {
	d := r.base
	for range attempt - 1 {
		if d >= r.most {
			return r.most
		}
		d *= 2
	}
	return min(d, r.most)
}

// jitter spreads a delay over [d/2, d) so that many clients do not come back at once.
func jitter(d time.Duration) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + rand.N(d/2)
}

// pause waits, and tells false when the context ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func retryAfter(err error) time.Duration {
	if e, ok := err.(*apierror.Error); ok {
		return e.RetryAfter
	}
	return 0
}

// repeatable tells whether doing the call twice is the same as doing it once.
func repeatable(method string) bool {
	return repeatableMethods()[method]
}

// repeatableMethods is computed once from the immutable descriptors of gen/.
var repeatableMethods = sync.OnceValue(func() map[string]bool {
	reads := map[string]bool{
		apiv1.ResourceService_Discover_FullMethodName:       true,
		schedulerv1.SchedulerService_Explain_FullMethodName: true,
	}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				switch o := kind.MethodOptions(m); o.GetVerb() {
				case metav1.Verb_VERB_GET, metav1.Verb_VERB_LIST:
					reads["/"+string(s.FullName())+"/"+string(m.Name())] = true
				}
			}
		}
		return true
	})
	return reads
})
