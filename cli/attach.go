package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func newAttach(s *session) *cobra.Command {
	var container string
	var timeout time.Duration
	a := &attachment{s: s}
	c := &cobra.Command{
		Use:   "attach (POD | KIND/NAME)",
		Short: "Attach to the process that runs in a container",
		Long: `Attach to the process that runs in a container: what it writes from now on, and with -i its standard input. The
container must have been made for that (stdin, tty). A pod that does not run yet is waited for. With a terminal Ctrl-C
goes to the process; without one it ends the attachment, and the process runs on.`,
		Example: `  kaji attach web-1
  kaji attach -it deployment/shell -c main
  echo data | kaji attach -i reader`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.completePods,
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			pods, err := podsFor(c.Context(), s, c, conn, args[0])
			if err != nil {
				return err
			}
			if len(pods) > 1 && !a.quiet {
				fmt.Fprintf(s.Err, "Found %d pods, using pod/%s\n", len(pods), pods[0].GetMetadata().GetName())
			}
			pod, err := awaitRunning(c.Context(), s, conn, pods[0], timeout, a.quiet)
			if err != nil {
				return err
			}
			if podEnded(pod) {
				return endedError(pod, "attach to")
			}
			if a.container, err = containerOf(a.quietly(), pod, container); err != nil {
				return err
			}
			return a.run(c.Context(), conn, pod)
		},
	}
	f := c.Flags()
	f.StringVarP(&container, "container", "c", "", "container; the only or first one when not given")
	f.BoolVarP(&a.stdin, "stdin", "i", false, "pass standard input on")
	f.BoolVarP(&a.tty, "tty", "t", false, "standard input is a terminal")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print the process's output only")
	f.DurationVar(&timeout, "pod-running-timeout", time.Minute, "how long to wait until the pod runs")
	_ = c.RegisterFlagCompletionFunc("container", s.completeContainers)
	return c
}

// attachment is one attachment to a container. The stream has one sender, guarded by mu.
type attachment struct {
	s                 *session
	stdin, tty, quiet bool
	container         string
	// received counts the bytes that came.
	received int64

	mu     sync.Mutex
	stream corev1.PodService_AttachPodClient
}

// quietly is the session, without notes if none are wanted.
func (a *attachment) quietly() *session {
	s := *a.s
	if a.quiet {
		s.Err = io.Discard
	}
	return &s
}

// send encodes a message before it returns.
func (a *attachment) send(m *corev1.PodAttachRequest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stream.Send(m)
}

// fit makes do with what the container has.
func (a *attachment) fit(pod *corev1.Pod) {
	c, notes := containerSpec(pod, a.container), a.quietly().Err
	if a.stdin && !c.GetStdin() {
		a.stdin = false
		fmt.Fprintf(notes, "Container %s has no standard input; showing its output only\n", a.container)
	}
	if a.tty && !c.GetTty() {
		fmt.Fprintf(notes, "Container %s has no terminal; going on without\n", a.container)
	}
	a.tty = c.GetTty() // one that has a terminal writes as to one
}

// run attaches until the process or the input ends.
func (a *attachment) run(ctx context.Context, conn *client.Client, pod *corev1.Pod) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.fit(pod)
	user := &console{s: a.s, stdin: a.stdin, tty: a.tty, redraw: true,
		write: func(b []byte) error {
			return a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Stdin{Stdin: b}})
		},
		end: func() error {
			return a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_CloseStdin{CloseStdin: true}})
		},
		resize: func(size *corev1.TerminalSize) error {
			return a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Resize{Resize: size}})
		}}
	if a.stdin {
		user.check()
	}
	var err error
	if a.stream, err = corev1.NewPodServiceClient(conn.Conn()).AttachPod(ctx); err != nil {
		return apierror.FromStatus(err)
	}
	m := pod.GetMetadata()
	err = a.send(&corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Start{Start: &corev1.PodAttachStart{
		Namespace: m.GetNamespace(), Name: m.GetName(), Uid: m.GetUid(),
		Options: &corev1.PodAttachOptions{Stdin: a.stdin, Stdout: true, Stderr: !a.tty, Tty: a.tty, Container: a.container},
	}}})
	if err != nil && !errors.Is(err, io.EOF) {
		return apierror.FromStatus(err)
	}
	if a.stdin && a.tty {
		fmt.Fprintln(a.quietly().Err, "If there is no prompt, press Enter.")
	}
	closed, err := user.open(cancel)
	if err != nil {
		return err
	}
	defer closed()
	return a.receive()
}

// receive writes the output until the attachment ends.
func (a *attachment) receive() error {
	for {
		m, err := a.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return apierror.FromStatus(err)
		}
		switch m := m.GetMessage().(type) {
		case *corev1.PodAttachResponse_Stdout:
			a.received += int64(len(m.Stdout))
			_, err = a.s.Out.Write(m.Stdout)
		case *corev1.PodAttachResponse_Stderr:
			a.received += int64(len(m.Stderr))
			_, err = a.s.Err.Write(m.Stderr)
		}
		if err != nil {
			return err
		}
	}
}

// containerSpec is the specification of a pod's container, of whatever sort.
func containerSpec(p *corev1.Pod, name string) interface {
	GetStdin() bool
	GetTty() bool
} {
	for _, all := range [][]*corev1.Container{p.GetSpec().GetContainers(), p.GetSpec().GetInitContainers()} {
		for _, c := range all {
			if c.GetName() == name {
				return c
			}
		}
	}
	for _, e := range p.GetSpec().GetEphemeralContainers() {
		if c := e.GetEphemeralContainerCommon(); c.GetName() == name {
			return c
		}
	}
	return (*corev1.Container)(nil)
}
