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
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// again says when a call that failed for a reason is made once more by the client itself.
type again int

const (
	// never: the same call would fail the same way, or only the caller can say what is right now.
	never again = iota
	// asked: the server turned the call away and said when to come back (RetryInfo), so nothing was done.
	asked
	// safe: as asked; and without an answer of that sort, when the call is one that only reads, or when it
	// never left this process.
	safe
)

// repeats is the whole policy, by reason. Reasons that are not in it are never repeated.
var repeats = map[apierror.Reason]again{
	// No server could be reached, or none could serve: it went away, or its store has no leader.
	apierror.ReasonUnavailable: safe,
	// RESOURCE_EXHAUSTED with RetryInfo. Without, it is gRPC's own word for a message over the limit.
	apierror.ReasonTooManyRequests: asked,
	// With RetryInfo, a server that does not know a revision yet. Without, the caller's own deadline.
	apierror.ReasonTimeout: asked,
	// ABORTED: the caller's decision rests on an object that is not there any more; RetryOnConflict lets it decide anew.
	apierror.ReasonConflict: never,
	// OUT_OF_RANGE: only a new list helps; an Informer makes it.
	apierror.ReasonExpired: never,
	// A bug repeats itself, and what it did before is unknown.
	apierror.ReasonInternal: never,
}

// retryAfterMost bounds what a server's RetryInfo can make a client wait.
const retryAfterMost = 30 * time.Second

// retry repeats unary calls as the table says, with growing waits, at most attempts times in all.
type retry struct {
	attempts   int
	base, most time.Duration
}

func (r retry) intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return r.do(ctx, repeatable(method), func() (sent bool, err error) {
		// gRPC tells the peer of a call as soon as the call has a connection; before that not a byte was sent.
		var to peer.Peer
		err = invoke(ctx, method, req, reply, conn, append(opts[:len(opts):len(opts)], grpc.Peer(&to))...)
		return to.Addr != nil, err
	})
}

// do makes a call until it succeeds, or until repeating it is wrong or of no use. The call says whether it left the process.
func (r retry) do(ctx context.Context, repeatable bool, call func() (sent bool, err error)) error {
	for attempt := 1; ; attempt++ {
		sent, err := call()
		if err == nil {
			return nil
		}
		e := apierror.FromStatus(err)
		if attempt >= r.attempts || !worthwhile(e, repeatable || !sent) || !pause(ctx, r.wait(attempt, e)) {
			return err
		}
	}
}

// worthwhile looks a failure up in the table. harmless says that making the call again cannot do anything twice.
func worthwhile(err error, harmless bool) bool {
	switch repeats[apierror.ReasonOf(err)] {
	case asked:
		return retryAfter(err) > 0
	case safe:
		return harmless || retryAfter(err) > 0
	}
	return false
}

// wait is how long to wait after a number of attempts: what the server asks for and a little more, so that not everybody it
// turned away comes back at once; otherwise longer each time.
func (r retry) wait(attempt int, err error) time.Duration {
	own := jitter(r.delay(attempt))
	if after := min(retryAfter(err), retryAfterMost); after > 0 {
		return max(own, after+rand.N(after/5+1))
	}
	return own
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

// pause waits, and tells false when the context has ended, or would before the wait does.
func pause(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(deadline) <= d {
		return false
	}
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
		apiv1.AuthService_WhoAmI_FullMethodName:             true,
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
