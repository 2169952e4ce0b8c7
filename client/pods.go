package client

import (
	"context"
	"fmt"
	"io"
	"sync"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/grpc"
)

// Pods is access to pods with what only they can do: bindings, logs, commands.
type Pods struct {
	*Resource[*corev1.Pod]
	api corev1.PodServiceClient
}

// PodsOf gives access to pods.
func PodsOf(c *Client) Pods {
	return Pods{Resource: Of[*corev1.Pod](c), api: corev1.NewPodServiceClient(c.conn)}
}

// Bind places pods on nodes, in one call. Each binding is taken or refused for itself; the results are in the order of the
// bindings, with code 0 for those that were taken.
func (p Pods) Bind(ctx context.Context, bindings ...*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
	response, err := p.api.BindPods(ctx, &corev1.BindPodsRequest{Bindings: bindings})
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return response.GetResults(), nil
}

// Logs reads the log of one container. The reader ends with io.EOF at the end of the log; with options.follow that is when the
// container has ended. Its errors are *apierror.Error; one that was known at once, such as NotFound, comes with the first Read.
// Close ends the call, also under a Read.
func (p Pods) Logs(ctx context.Context, namespace, name string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	ctx, stop := context.WithCancel(ctx)
	stream, err := p.api.GetPodLogs(ctx, &corev1.PodLogsRequest{Namespace: namespace, Name: name, Options: options})
	if err != nil {
		stop()
		return nil, apierror.FromStatus(err)
	}
	return &logReader{stream: stream, stop: stop}, nil
}

type logReader struct {
	stream grpc.ServerStreamingClient[corev1.PodLogsResponse]
	stop   context.CancelFunc
	rest   []byte
}

func (l *logReader) Read(b []byte) (int, error) {
	for len(l.rest) == 0 {
		piece, err := l.stream.Recv()
		if err != nil {
			if err != io.EOF {
				err = apierror.FromStatus(err)
			}
			return 0, err
		}
		l.rest = piece.GetData()
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func (l *logReader) Close() error {
	l.stop()
	return nil
}

// Streams are what a command in a container reads from and writes to. Each may be nil.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// Resize gives the sizes of the caller's terminal, for commands with one; whoever sends stops when Exec has returned.
	Resize <-chan *corev1.TerminalSize
}

// ExitError is the end of a command that did not succeed.
type ExitError struct {
	// Code is the exit status.
	Code int
	// Message says what went wrong when the command could not be run; empty otherwise.
	Message string
}

func (e *ExitError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	return fmt.Sprintf("the command ended with exit status %d", e.Code)
}

// Exec runs a command in a container and returns when it has ended: nil for success, *ExitError for another exit status,
// *apierror.Error when the call failed, or the error of reading Streams.In or writing to Streams.Out or Err. Which of the command's streams are wanted
// follows from s, whatever options say; a command with a terminal has no standard error of its own. A Read of Streams.In that
// blocks outlasts the call; what it reads is lost.
func (p Pods) Exec(ctx context.Context, namespace, name string, options *corev1.PodExecOptions, s Streams) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stream, err := p.api.ExecPod(ctx)
	if err != nil {
		return apierror.FromStatus(err)
	}
	start := &corev1.PodExecStart{Namespace: namespace, Name: name, Options: &corev1.PodExecOptions{
		Stdin: s.In != nil, Stdout: s.Out != nil, Stderr: s.Err != nil && !options.GetTty(),
		Tty: options.GetTty(), Container: options.GetContainer(), Command: options.GetCommand(),
	}}
	x := &execution{stream: stream}
	x.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Start{Start: start}})
	var resizing sync.WaitGroup
	defer resizing.Wait()
	defer stop() // before waiting
	if s.Resize != nil {
		resizing.Go(func() { x.resize(ctx, s.Resize) })
	}
	broken := make(chan error, 1)
	if s.In != nil {
		// Not waited for: a read cannot be interrupted.
		go func() {
			if err := x.feed(s.In); err != nil {
				broken <- err
				stop()
			}
		}()
	}
	err = x.receive(s)
	select {
	case fault := <-broken:
		return fmt.Errorf("client: reading the input of the command: %w", fault)
	default:
		return err
	}
}

// execution is a command under way. gRPC allows one sender at a time: mu.
type execution struct {
	stream grpc.BidiStreamingClient[corev1.PodExecRequest, corev1.PodExecResponse]
	mu     sync.Mutex
}

// send tells false when the stream has ended; why, the receiver learns.
func (x *execution) send(m *corev1.PodExecRequest) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stream.Send(m) == nil
}

func (x *execution) resize(ctx context.Context, sizes <-chan *corev1.TerminalSize) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, more := <-sizes:
			if !more || !x.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Resize{Resize: size}}) {
				return
			}
		}
	}
}

// feed sends the input until it ends, and returns why when that was not its end.
func (x *execution) feed(in io.Reader) error {
	buffer := make([]byte, 32<<10)
	for {
		n, err := in.Read(buffer)
		if n > 0 && !x.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Stdin{Stdin: append([]byte(nil), buffer[:n]...)}}) {
			return nil
		}
		switch {
		case err == io.EOF:
			x.send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_CloseStdin{CloseStdin: true}})
			return nil
		case err != nil:
			return err
		}
	}
}

func (x *execution) receive(s Streams) error {
	for {
		m, err := x.stream.Recv()
		switch {
		case err == io.EOF:
			return apierror.Unavailable("the stream ended before the command did")
		case err != nil:
			return apierror.FromStatus(err)
		}
		switch m := m.GetMessage().(type) {
		case *corev1.PodExecResponse_Stdout:
			err = write(s.Out, m.Stdout)
		case *corev1.PodExecResponse_Stderr:
			err = write(s.Err, m.Stderr)
		case *corev1.PodExecResponse_Exit:
			if m.Exit.GetCode() != 0 || m.Exit.GetMessage() != "" {
				return &ExitError{Code: int(m.Exit.GetCode()), Message: m.Exit.GetMessage()}
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func write(w io.Writer, b []byte) error {
	if w == nil {
		return nil
	}
	_, err := w.Write(b)
	return err
}
