package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// attachedRun is `kaji run` that stays with the pod it has made.
type attachedRun struct {
	s                                *session
	attach, stdin, tty               bool
	remove, leaveStdinOpen, quiet    bool
	timeout                          time.Duration
	dryRunFlag, outputFlag, attachOn func() bool
}

func (r *attachedRun) bind(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&r.attach, "attach", false, "wait until it runs and attach to it; meant with -i")
	f.BoolVarP(&r.stdin, "stdin", "i", false, "give the container a standard input, and pass this one's on")
	f.BoolVarP(&r.tty, "tty", "t", false, "give the container a terminal")
	f.BoolVar(&r.remove, "rm", false, "delete the pod in the end; for attached ones")
	f.BoolVar(&r.leaveStdinOpen, "leave-stdin-open", false, "do not end the container's standard input with this one's")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print the container's output only")
	f.DurationVar(&r.timeout, "pod-running-timeout", time.Minute, "how long to wait until the pod runs")
	r.dryRunFlag = func() bool { return c.Flags().Changed("dry-run") }
	r.outputFlag = func() bool { return c.Flags().Changed("output") }
	r.attachOn = func() bool { return c.Flags().Changed("attach") }
}

// check finds contradictions, and fills in what -i means.
func (r *attachedRun) check(c *cobra.Command) error {
	if r.tty && !r.stdin {
		return usage(c, "-t wants -i: a terminal without input is of no use")
	}
	if !r.attachOn() {
		r.attach = r.stdin && !r.dryRunFlag() && !r.outputFlag()
	}
	switch {
	case r.attach && (r.dryRunFlag() || r.outputFlag()):
		return usage(c, "--attach goes neither with --dry-run nor with -o")
	case r.remove && !r.attach:
		return usage(c, "--rm is for attached pods: give -i or --attach")
	case r.leaveStdinOpen && !r.stdin:
		return usage(c, "--leave-stdin-open wants -i")
	}
	return nil
}

// run stays with a pod until its container ends. The exit status is the container's.
func (r *attachedRun) run(ctx context.Context, conn *client.Client, made *corev1.Pod) (err error) {
	if r.remove {
		defer func() {
			if failed := r.delete(ctx, conn, made); failed != nil {
				err = errors.Join(err, fmt.Errorf("the pod %s is left: %w", made.GetMetadata().GetName(), failed))
			}
		}()
	}
	notes := *r.s
	if r.quiet {
		notes.Err = io.Discard
	}
	pod, err := awaitRunning(ctx, r.s, conn, made, r.timeout, r.quiet)
	if err != nil {
		return err
	}
	container := pod.GetSpec().GetContainers()[0].GetName()
	id := containerID(pod, container)
	if podEnded(pod) {
		return errors.Join(r.log(ctx, conn, pod, container, false, false), exitOfRun(pod, container, id))
	}
	a := &attachment{s: r.s, stdin: r.stdin, tty: r.tty, quiet: r.quiet, container: container}
	attached := a.run(ctx, conn, pod)
	if attached != nil {
		if ctx.Err() != nil {
			return attached
		}
		if !endedMeanwhile(attached) {
			fmt.Fprintf(notes.Err, "Cannot attach to pod %s: %v; following its log\n", pod.GetMetadata().GetName(), attached)
		}
		// What it wrote before is in there too, but what was shown is not shown twice.
		if a.received > 0 {
			return attached
		}
		if err := r.log(ctx, conn, pod, container, false, true); err != nil {
			return err
		}
	} else if r.leaveStdinOpen {
		return nil
	}
	pod, err = awaitPod(ctx, conn, pod, func(p *corev1.Pod) (bool, error) { return ended(p, container, id) != nil || podEnded(p), nil })
	if err != nil {
		return err
	}
	if attached == nil && a.received == 0 {
		// It may have been quicker than the attaching.
		if err := r.log(ctx, conn, pod, container, restarted(pod, container, id), false); err != nil {
			fmt.Fprintf(notes.Err, "The log of pod %s cannot be read: %v\n", pod.GetMetadata().GetName(), err)
		}
	}
	if !r.remove && !podEnded(pod) && r.stdin {
		flags := "-i"
		if r.tty {
			flags = "-it"
		}
		fmt.Fprintf(notes.Err, "The session is over; `kaji attach %s -c %s %s` takes it up when the pod runs again\n", pod.GetMetadata().GetName(), container, flags)
	}
	return exitOfRun(pod, container, id)
}

// log prints the log of the container, of a run before the present one if previous is set.
func (r *attachedRun) log(ctx context.Context, conn *client.Client, pod *corev1.Pod, container string, previous, follow bool) error {
	out := &lineWriter{out: r.s.Out}
	return printLog(ctx, conn, source{pod, container}, &corev1.PodLogOptions{Previous: previous, Follow: follow}, out.source("", false))
}

// removalPatience is how long the pod's end is waited for, beyond what the pod itself takes.
const removalPatience = 30 * time.Second

// delete removes the pod, also after an interruption.
func (r *attachedRun) delete(ctx context.Context, conn *client.Client, pod *corev1.Pod) error {
	m := pod.GetMetadata()
	grace := time.Duration(pod.GetSpec().GetTerminationGracePeriodSeconds()) * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+removalPatience)
	defer cancel()
	err := client.ForKind(conn, kind.Of(pod)).Delete(ctx, m.GetNamespace(), m.GetName(),
		&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())}})
	if err != nil && !apierror.IsNotFound(err) && !apierror.IsConflict(err) { // a conflict is another pod of the name
		return err
	}
	left := map[string]string{m.GetName(): m.GetUid()}
	if err := awaitNames(ctx, conn, kind.Of(pod), m.GetNamespace(), left); err != nil {
		return err
	}
	if len(left) > 0 {
		return errors.New("it is still ending")
	}
	if !r.quiet {
		fmt.Fprintf(r.s.Err, "pod/%s deleted\n", m.GetName())
	}
	return nil
}

// endedMeanwhile tells whether an attachment failed because there was nothing to attach to any more.
func endedMeanwhile(err error) bool {
	return apierror.ReasonOf(err) == apierror.ReasonFailedPrecondition
}

func statusOf(p *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, c := range p.GetStatus().GetContainerStatuses() {
		if c.GetName() == container {
			return c
		}
	}
	return nil
}

func containerID(p *corev1.Pod, container string) string {
	return statusOf(p, container).GetContainerId()
}

// ended is how the run of a container ended, or nil when it has not.
func ended(p *corev1.Pod, container, id string) *corev1.ContainerStateTerminated {
	c := statusOf(p, container)
	for _, state := range []*corev1.ContainerState{c.GetState(), c.GetLastState()} {
		if t := state.GetTerminated(); t != nil && (id == "" || t.GetContainerId() == id) {
			return t
		}
	}
	return nil
}

// restarted tells whether the container runs again after that run.
func restarted(p *corev1.Pod, container, id string) bool {
	c := statusOf(p, container)
	return c.GetState().GetRunning() != nil && c.GetContainerId() != id
}

// exitOfRun is the exit status of a container's run as an error.
func exitOfRun(p *corev1.Pod, container, id string) error {
	t := ended(p, container, id)
	switch {
	case t == nil && p.GetStatus().GetPhase() == "Failed":
		return fmt.Errorf("pod %s failed: %s", p.GetMetadata().GetName(), p.GetStatus().GetReason()+" "+p.GetStatus().GetMessage())
	case t.GetExitCode() != 0:
		return &ExitError{Code: int(t.GetExitCode())}
	}
	return nil
}
