package proxy

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// drainGrace is how long streams may go on once the server stops: less than its own patience, so that callers hear why.
const drainGrace = 3 * time.Second

var (
	errStopping   = apierror.Unavailable("this API server is stopping; connect again")
	errNoStart    = apierror.BadRequest("the first message must be start")
	errStartTwice = apierror.BadRequest("start comes once, first")
)

func (n *Nodes) exec(_ any, stream grpc.ServerStream) error {
	req := &corev1.PodExecRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	ctx, start := stream.Context(), req.GetStart()
	if start == nil {
		return errNoStart
	}
	if err := n.API.Allow(ctx, pods, metav1.Verb_VERB_CREATE, "exec", start.GetNamespace(), start.GetName()); err != nil {
		return err
	}
	if len(start.GetOptions().GetCommand()) == 0 {
		return apierror.BadRequest("there is no command to run", apierror.FieldViolation{
			Field: "start.options.command", Description: "must not be empty", Reason: "FieldValueRequired"})
	}
	t, err := n.find(ctx, start.GetNamespace(), start.GetName(), start.GetUid(), named(start.GetOptions().GetContainer()))
	if err != nil {
		return err
	}
	defer t.done()
	start.Uid, start.Options.Container = t.pod.GetMetadata().GetUid(), t.container
	return n.failed(t.pod, relay(n.Stopping, stream, req, t.agent.Exec, func(m *corev1.PodExecRequest) bool { return m.GetStart() != nil }))
}

func (n *Nodes) attach(_ any, stream grpc.ServerStream) error {
	req := &corev1.PodAttachRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	ctx, start := stream.Context(), req.GetStart()
	if start == nil {
		return errNoStart
	}
	if err := n.API.Allow(ctx, pods, metav1.Verb_VERB_CREATE, "attach", start.GetNamespace(), start.GetName()); err != nil {
		return err
	}
	t, err := n.find(ctx, start.GetNamespace(), start.GetName(), start.GetUid(), named(start.GetOptions().GetContainer()))
	if err != nil {
		return err
	}
	defer t.done()
	if start.Options == nil {
		start.Options = &corev1.PodAttachOptions{}
	}
	start.Uid, start.Options.Container = t.pod.GetMetadata().GetUid(), t.container
	return n.failed(t.pod, relay(n.Stopping, stream, req, t.agent.Attach, func(m *corev1.PodAttachRequest) bool { return m.GetStart() != nil }))
}

func (n *Nodes) portForward(_ any, stream grpc.ServerStream) error {
	req := &corev1.PodPortForwardRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	ctx, start := stream.Context(), req.GetStart()
	if start == nil {
		return errNoStart
	}
	if err := n.API.Allow(ctx, pods, metav1.Verb_VERB_CREATE, "portforward", start.GetNamespace(), start.GetName()); err != nil {
		return err
	}
	t, err := n.find(ctx, start.GetNamespace(), start.GetName(), start.GetUid(), none)
	if err != nil {
		return err
	}
	defer t.done()
	start.Uid = t.pod.GetMetadata().GetUid()
	return n.failed(t.pod, relay(n.Stopping, stream, req, t.agent.PortForward, func(m *corev1.PodPortForwardRequest) bool { return m.GetStart() != nil }))
}

// relay passes messages both ways, the first one first, until the agent ends the stream, the caller goes, or the server has
// been stopping for a while. Neither side is read faster than the other takes it: what waits on the way is what HTTP/2 lets wait.
func relay[Req, Resp any](stopping <-chan struct{}, stream grpc.ServerStream, first *Req,
	open func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Req, Resp], error), isStart func(*Req) bool) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	if stopping != nil {
		go func() { // ends with the handler
			select {
			case <-stopping:
			case <-ctx.Done():
				return
			}
			timer := time.NewTimer(drainGrace)
			defer timer.Stop()
			select {
			case <-timer.C:
				cancel(errStopping)
			case <-ctx.Done():
			}
		}()
	}
	to, err := open(ctx)
	if err != nil {
		return err
	}
	if err := to.Send(first); err != nil {
		if !errors.Is(err, io.EOF) {
			return err
		}
		if _, err = to.Recv(); err == nil { // which alone knows why
			return apierror.Unavailable("the agent ended the stream before it began")
		}
		return err
	}
	// The agent's end ends the call, whatever the client still has to say. This goroutine is not waited for: it sits in
	// RecvMsg, which returns as soon as this handler has.
	go feed(stream, to, isStart, cancel)
	err = forward(stream, to.Recv)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// feed passes what the client sends on to the agent until either ends.
func feed[Req, Resp any](stream grpc.ServerStream, to grpc.BidiStreamingClient[Req, Resp], isStart func(*Req) bool, cancel context.CancelCauseFunc) {
	for {
		req := new(Req)
		err := stream.RecvMsg(req)
		if errors.Is(err, io.EOF) {
			// The client has no more to say, and may still be listening.
			_ = to.CloseSend()
			return
		}
		if err == nil && isStart(req) {
			err = errStartTwice
		}
		if err != nil {
			cancel(err)
			return
		}
		if to.Send(req) != nil {
			return // Recv has the reason
		}
	}
}
