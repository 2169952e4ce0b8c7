package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/logs"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
)

// Logs implements AgentService.
func (s *Server) Logs(req *corev1.PodLogsRequest, out grpc.ServerStreamingServer[corev1.PodLogsResponse]) error {
	o := req.GetOptions()
	p, name, err := s.container(req.GetNamespace(), req.GetName(), req.GetUid(), o.GetContainer())
	if err != nil {
		return err
	}
	options, err := logOptions(o, time.Now())
	if err != nil {
		return err
	}
	c, err := logOf(p, name, o.GetPrevious())
	if err != nil {
		return err
	}
	alive := func() bool {
		now, ok := s.pods.Find(req.GetNamespace(), req.GetName(), p.Pod.GetMetadata().GetUid())
		if !ok {
			return false
		}
		for _, seen := range now.Seen.Containers {
			if seen.ID == c.ID {
				return seen.State == observed.Running
			}
		}
		return false
	}
	err = logs.Read(out.Context(), s.logPath(p.Pod, c), options, alive, func(b []byte) error {
		return out.Send(&corev1.PodLogsResponse{Data: b})
	})
	switch {
	case errors.Is(err, logs.ErrNotFound):
		return apierror.NotFound("logs", req.GetNamespace(), req.GetName()+"/"+name)
	case errors.Is(err, context.Canceled):
		return nil
	}
	return err
}

func logOptions(o *corev1.PodLogOptions, now time.Time) (logs.Options, error) {
	out := logs.Options{Follow: o.GetFollow(), Tail: -1, Timestamps: o.GetTimestamps(), Limit: o.GetLimitBytes()}
	if o.GetFollow() && o.GetPrevious() {
		out.Follow = false // what has ended writes no more
	}
	if o != nil && o.TailLines != nil {
		if out.Tail = o.GetTailLines(); out.Tail < 0 {
			return out, apierror.BadRequest("tailLines must not be negative")
		}
	}
	if o != nil && o.LimitBytes != nil && o.GetLimitBytes() < 1 {
		return out, apierror.BadRequest("limitBytes must be at least 1")
	}
	switch {
	case o != nil && o.SinceSeconds != nil && o.GetSinceTime() != nil:
		return out, apierror.BadRequest("at most one of sinceTime and sinceSeconds may be given")
	case o != nil && o.SinceSeconds != nil:
		if o.GetSinceSeconds() < 1 {
			return out, apierror.BadRequest("sinceSeconds must be at least 1")
		}
		out.Since = now.Add(-time.Duration(o.GetSinceSeconds()) * time.Second)
	case o.GetSinceTime() != nil:
		out.Since = o.GetSinceTime().AsTime()
	}
	switch o.GetStream() {
	case "", "All":
	case "Stdout":
		out.Stream = "stdout"
	case "Stderr":
		out.Stream = "stderr"
	default:
		return out, apierror.BadRequest(fmt.Sprintf("stream %q is none of All, Stdout, Stderr", o.GetStream()))
	}
	return out, nil
}

// logOf is the attempt whose log is asked for.
func logOf(p pods.Snapshot, name string, previous bool) (observed.Container, error) {
	all := attempts(p, name)
	var waiting *corev1.ContainerStateWaiting
	for _, st := range [][]*corev1.ContainerStatus{p.Status.GetInitContainerStatuses(), p.Status.GetContainerStatuses(), p.Status.GetEphemeralContainerStatuses()} {
		for _, c := range st {
			if c.GetName() == name {
				waiting = c.GetState().GetWaiting()
			}
		}
	}
	pod := p.Pod.GetMetadata().GetName()
	switch {
	case len(all) == 0 && previous:
		return observed.Container{}, apierror.BadRequest(fmt.Sprintf("previous terminated container %q in pod %q not found", name, pod))
	case len(all) == 0:
		reason := waiting.GetReason()
		if reason == "" {
			reason = "ContainerCreating"
		}
		return observed.Container{}, apierror.BadRequest(fmt.Sprintf("container %q in pod %q is waiting to start: %s", name, pod, reason))
	case previous && waiting == nil && len(all) == 1:
		return observed.Container{}, apierror.BadRequest(fmt.Sprintf("previous terminated container %q in pod %q not found", name, pod))
	case previous && waiting == nil:
		return all[1], nil // of one that waits for its next start, the last is the previous one
	}
	return all[0], nil
}
