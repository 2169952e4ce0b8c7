package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func newExec(s *session) *cobra.Command {
	var container string
	var stdin, tty, quiet bool
	c := &cobra.Command{
		Use:   "exec (POD | KIND/NAME) [-it] -- COMMAND [ARG…]",
		Short: "Run a command in a container",
		Long:  "Run a command in a container. -i passes standard input on, -t gives it a terminal. The exit status is the command's.",
		Example: `  kaji exec web-1 -- date
  kaji exec -it deployment/web -c web -- sh
  tar c . | kaji exec -i web-1 -- tar x -C /tmp`,
		ValidArgsFunction: s.completePods,
		RunE: func(c *cobra.Command, args []string) error {
			dash := c.ArgsLenAtDash()
			if len(args) == 0 || dash == 0 {
				return usage(c, "in which pod?")
			}
			command := args[1:]
			if dash > 1 {
				return usage(c, "one pod, then -- and the command")
			}
			if len(command) == 0 {
				return usage(c, "which command? it comes after --")
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			pods, err := podsFor(c.Context(), s, c, conn, args[0])
			if err != nil {
				return err
			}
			pod := pods[0]
			if phase := pod.GetStatus().GetPhase(); phase == "Succeeded" || phase == "Failed" {
				return fmt.Errorf("pod %s has ended (%s): there is nothing to run a command in", pod.GetMetadata().GetName(), phase)
			}
			warn := *s
			if quiet {
				warn.Err = io.Discard
			}
			if container, err = containerOf(&warn, pod, container); err != nil {
				return err
			}
			e := &execution{s: s, stdin: stdin, tty: tty}
			return e.run(c.Context(), conn, &corev1.PodExecStart{
				Namespace: pod.GetMetadata().GetNamespace(), Name: pod.GetMetadata().GetName(),
				Options: &corev1.PodExecOptions{Stdin: stdin, Stdout: true, Stderr: !tty, Tty: tty, Container: container, Command: command},
			})
		},
	}
	f := c.Flags()
	f.StringVarP(&container, "container", "c", "", "container; the only or first one when not given")
	f.BoolVarP(&stdin, "stdin", "i", false, "pass standard input on")
	f.BoolVarP(&tty, "tty", "t", false, "give the command a terminal")
	f.BoolVarP(&quiet, "quiet", "q", false, "print the command's output only")
	_ = c.RegisterFlagCompletionFunc("container", s.completeContainers)
	return c
}

// execution is one command that runs. The stream has one sender, guarded by mu.
type execution struct {
	s          *session
	stdin, tty bool

	mu     sync.Mutex
	stream corev1.PodService_ExecPodClient
}

// send encodes a message before it returns.
func (e *execution) send(m *corev1.PodExecRequest) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stream.Send(m)
}

func (e *execution) run(ctx context.Context, conn *client.Client, start *corev1.PodExecStart) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	user := &console{s: e.s, stdin: e.stdin, tty: e.tty,
		write: func(b []byte) error {
			return e.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Stdin{Stdin: b}})
		},
		end: func() error {
			return e.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_CloseStdin{CloseStdin: true}})
		},
		resize: func(size *corev1.TerminalSize) error {
			return e.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Resize{Resize: size}})
		}}
	user.check()
	var err error
	if e.stream, err = corev1.NewPodServiceClient(conn.Conn()).ExecPod(ctx); err != nil {
		return apierror.FromStatus(err)
	}
	if err := e.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Start{Start: start}}); err != nil && !errors.Is(err, io.EOF) {
		return apierror.FromStatus(err)
	}
	closed, err := user.open(cancel)
	if err != nil {
		return err
	}
	defer closed()
	return e.receive()
}

// receive writes the output until the command ends, and returns its exit status as an ExitError.
func (e *execution) receive() error {
	for {
		m, err := e.stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the connection to the command ended before the command did")
		}
		if err != nil {
			return apierror.FromStatus(err)
		}
		switch m := m.GetMessage().(type) {
		case *corev1.PodExecResponse_Stdout:
			_, err = e.s.Out.Write(m.Stdout)
		case *corev1.PodExecResponse_Stderr:
			_, err = e.s.Err.Write(m.Stderr)
		case *corev1.PodExecResponse_Exit:
			return exitOf(m.Exit)
		}
		if err != nil {
			return err
		}
	}
}

func exitOf(x *corev1.PodExecExit) error {
	switch {
	case x.GetCode() == 0 && x.GetMessage() == "":
		return nil
	case x.GetMessage() != "":
		if x.GetCode() != 0 {
			return &exitMessage{int(x.GetCode()), x.GetMessage()}
		}
		return errors.New(x.GetMessage())
	}
	return &ExitError{Code: int(x.GetCode())}
}
