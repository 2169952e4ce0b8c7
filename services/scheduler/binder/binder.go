// Package binder tells the API server which pods go where, many in one call.
//
// It owns the decisions handed to it until it knows what became of them: while one batch is under way the next gathers, so the
// batches grow with the load and a lone pod waits for nothing. It refuses to guess: a call that failed in a way that leaves open whether it was carried out
// is resolved by reading the pods. Submit may be called concurrently; Run once.
package binder

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

const (
	// maxBatch is the most pods bound in one call.
	maxBatch = 256
	// maxPending is how many decisions may wait before Submit does.
	maxPending = 1024
	// callTimeout bounds a call, readTimeout the reading of one pod.
	callTimeout = 8 * time.Second
	readTimeout = 2 * time.Second
)

// API is what the binder needs of the API server. Errors are *apierror.Error.
type API interface {
	// BindPods binds pods and returns one result for each, in order.
	BindPods(ctx context.Context, bindings []*corev1.PodBinding) ([]*corev1.PodBindingResult, error)
	// GetPod reads a pod.
	GetPod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
}

// Binding is a pod and the node chosen for it.
type Binding struct {
	Pod  *framework.PodInfo
	Node string
}

// Handler is told what became of each binding: exactly one of its methods is called for each, from the goroutine of Run.
type Handler interface {
	// Bound: the pod is on the node.
	Bound(b Binding)
	// Failed: the pod is not bound and may be tried again.
	Failed(b Binding, err error)
	// Settled: the pod is no longer the scheduler's business: gone (nil), or on the node it now names.
	Settled(b Binding, pod *corev1.Pod)
	// Unknown: whether the pod is bound could not be found out yet.
	Unknown(b Binding)
}

// Binder collects and sends bindings.
type Binder struct {
	api     API
	handler Handler
	log     hclog.Logger

	mu      sync.Mutex
	pending []Binding
	stopped bool
	wake    chan struct{} // something to send
	room    chan struct{} // something was sent
}

// New returns a Binder; Run makes it work.
func New(api API, handler Handler, log hclog.Logger) *Binder {
	return &Binder{api: api, handler: handler, log: log, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// errStopped is why bindings fail that were not sent when Run ended.
var errStopped = errors.New("the binder has stopped")

// Submit hands over a decision. It waits while too many are pending; it fails when ctx or Run ended first, and then the binding is the caller's again.
func (b *Binder) Submit(ctx context.Context, binding Binding) error {
	for {
		b.mu.Lock()
		if b.stopped {
			b.mu.Unlock()
			return errStopped
		}
		if len(b.pending) < maxPending {
			b.pending = append(b.pending, binding)
			b.mu.Unlock()
			signal(b.wake)
			return nil
		}
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.room:
		}
	}
}

// Run sends batches until ctx ends. When it returns, the handler has been told of every binding that was submitted.
func (b *Binder) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			b.stop()
			return nil
		case <-b.wake:
		}
		for ctx.Err() == nil {
			batch := b.take()
			if len(batch) == 0 {
				break
			}
			b.send(ctx, batch)
		}
	}
}

func (b *Binder) stop() {
	b.mu.Lock()
	left := b.pending
	b.pending, b.stopped = nil, true
	b.mu.Unlock()
	signal(b.room)
	for _, binding := range left {
		b.handler.Failed(binding, errStopped)
	}
}

func (b *Binder) take() []Binding {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.pending), maxBatch)
	batch := append([]Binding(nil), b.pending[:n]...)
	rest := copy(b.pending, b.pending[n:])
	clear(b.pending[rest:])
	b.pending = b.pending[:rest]
	signal(b.room)
	return batch
}

func (b *Binder) send(ctx context.Context, batch []Binding) {
	request := make([]*corev1.PodBinding, len(batch))
	for i, x := range batch {
		request[i] = &corev1.PodBinding{Namespace: x.Pod.Namespace, Name: x.Pod.Name, Uid: x.Pod.UID, NodeName: x.Node}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	results, err := b.api.BindPods(call, request)
	cancel()
	if err == nil && len(results) != len(batch) {
		err = fmt.Errorf("%d bindings were answered with %d results", len(batch), len(results))
	}
	if err != nil {
		b.log.Warn("binding failed", "pods", len(batch), "error", err)
		b.failed(ctx, batch, err)
		return
	}
	for i, x := range batch {
		b.settle(ctx, x, results[i])
	}
}

// failed acts on a call that failed as a whole. Once a pod cannot be read the others are not tried: whoever looks after unknown bindings
// does, and the next batch need not wait for as many timeouts.
func (b *Binder) failed(ctx context.Context, batch []Binding, err error) {
	readable := true
	for _, x := range batch {
		switch {
		case refusedWhole(err):
			b.handler.Failed(x, err)
		case readable:
			readable = b.resolve(ctx, x, err)
		default:
			b.handler.Unknown(x)
		}
	}
}

// settle acts on the answer for one pod.
func (b *Binder) settle(ctx context.Context, x Binding, result *corev1.PodBindingResult) {
	err := fmt.Errorf("%s: %s", codes.Code(result.GetCode()), result.GetMessage())
	switch codes.Code(result.GetCode()) {
	case codes.OK:
		b.handler.Bound(x)
	case codes.NotFound:
		b.handler.Settled(x, nil)
	case codes.FailedPrecondition, codes.InvalidArgument, codes.PermissionDenied, codes.ResourceExhausted:
		b.handler.Failed(x, err)
	default:
		// ABORTED is a lost race, perhaps against an earlier call of ours that was thought to have failed.
		b.resolve(ctx, x, err)
	}
}

// resolve reads the pod to learn whether it is bound, and tells whether it could be read.
func (b *Binder) resolve(ctx context.Context, x Binding, cause error) bool {
	// Not under ctx alone: also a binder that is told to stop wants to know.
	read, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	pod, err := b.api.GetPod(read, x.Pod.Namespace, x.Pod.Name)
	switch {
	case apierror.IsNotFound(err) || err == nil && pod.GetMetadata().GetUid() != x.Pod.UID:
		b.handler.Settled(x, nil)
	case err != nil:
		b.log.Warn("cannot read a pod to learn whether it is bound", "pod", x.Pod.Key(), "node", x.Node, "error", err)
		b.handler.Unknown(x)
		return false
	case pod.GetSpec().GetNodeName() == x.Node:
		b.handler.Bound(x)
	case pod.GetSpec().GetNodeName() != "":
		b.handler.Settled(x, pod)
	default:
		b.handler.Failed(x, cause)
	}
	return true
}

// refusedWhole tells whether an error means that nothing of the call was carried out.
func refusedWhole(err error) bool {
	switch apierror.ReasonOf(err) {
	case apierror.ReasonInvalid, apierror.ReasonBadRequest, apierror.ReasonForbidden, apierror.ReasonUnauthenticated,
		apierror.ReasonTooManyRequests, apierror.ReasonTooLarge, apierror.ReasonFailedPrecondition:
		return true
	}
	return false
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
