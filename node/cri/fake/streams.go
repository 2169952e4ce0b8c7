package fake

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// Exec implements cri.Client: "cat" gives its input back, "sh -c 'exit N'" ends with that code, all else at once with 0.
func (c *Client) Exec(ctx context.Context, id string, command []string, s cri.Streams) error {
	const op = "Exec"
	if err := c.enter(ctx, op, id); err != nil {
		return err
	}
	if _, err := c.running(op, id); err != nil {
		return err
	}
	if len(command) == 1 && command[0] == "cat" && s.Stdin != nil && s.Stdout != nil {
		if _, err := io.Copy(s.Stdout, s.Stdin); err != nil {
			return cri.NewError(op, id, codes.Unknown, err.Error())
		}
	}
	if code, _ := quickExit(command); code != 0 {
		return &cri.ExitError{Code: int(code), Message: fmt.Sprintf("command terminated with exit code %d", code)}
	}
	return nil
}

// running is a container that runs.
func (c *Client) running(op, id string) (*container, error) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	v := c.r.containers[id]
	if v == nil {
		return nil, missing(op, "container", id)
	}
	if v.State != observed.Running {
		return nil, cri.NewError(op, id, codes.Unknown, "container is in "+v.State.String()+" state")
	}
	return v, nil
}

// Attach implements cri.Client: a container whose script is "cat" gives back what it is sent, to all who are attached, and ends
// with its input if that may end; all others are silent.
func (c *Client) Attach(ctx context.Context, id string, s cri.Streams) error {
	const op = "Attach"
	if err := c.enter(ctx, op, id); err != nil {
		return err
	}
	v, err := c.running(op, id)
	if err != nil {
		return err
	}
	if s.Stdout != nil {
		defer v.listen(s.Stdout)()
	}
	ended := make(chan error, 1)
	if v.config.Stdin && s.Stdin != nil {
		go func() { // ends with the caller's input, which the caller ends
			var out io.Writer = v
			if len(v.config.Command) != 3 || v.config.Command[2] != "cat" {
				out = io.Discard
			}
			_, err := io.Copy(out, s.Stdin)
			if err == nil && v.config.StdinOnce && !v.config.TTY {
				c.r.Exit(id, 0)
			}
			ended <- err
		}()
	}
	select {
	case err = <-ended:
	case <-v.ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return err
}

// listen has all output written to out, until the function returned is called.
func (v *container) listen(out io.Writer) (stop func()) {
	v.outs.Lock()
	defer v.outs.Unlock()
	if v.listeners == nil {
		v.listeners = map[int]io.Writer{}
	}
	v.heard++
	key := v.heard
	v.listeners[key] = out
	return func() {
		v.outs.Lock()
		defer v.outs.Unlock()
		delete(v.listeners, key)
	}
}

// Write is output of the process. It waits for all who listen.
func (v *container) Write(p []byte) (int, error) {
	v.outs.Lock()
	defer v.outs.Unlock()
	for key, out := range v.listeners {
		if _, err := out.Write(p); err != nil {
			delete(v.listeners, key)
		}
	}
	return len(p), nil
}

var listens = regexp.MustCompile(`^nc -ll -p (\d+) -e cat$`)

// PortForward implements cri.Client: in a container whose script is "nc -ll -p PORT -e cat" that port gives back what it is
// sent. As in the runtimes, the end of what is written ends the connection.
func (c *Client) PortForward(ctx context.Context, sandboxID string, port uint16) (cri.Conn, error) {
	const op = "PortForward"
	if err := c.enter(ctx, op, sandboxID); err != nil {
		return nil, err
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	b := c.r.sandboxes[sandboxID]
	if b == nil {
		return nil, missing(op, "sandbox", sandboxID)
	}
	if !b.Ready {
		return nil, cri.NewError(op, sandboxID, codes.Unknown, "sandbox container is not running")
	}
	for _, v := range c.r.containers {
		if v.SandboxID != sandboxID || v.State != observed.Running || len(v.config.Command) != 3 {
			continue
		}
		if m := listens.FindStringSubmatch(v.config.Command[2]); m != nil && m[1] == strconv.Itoa(int(port)) {
			return newEcho(v.ended), nil
		}
	}
	return &echo{refused: fmt.Errorf("%w: localhost:%d", cri.ErrRefused, port)}, nil
}

// echo is a connection that gives back what it is sent.
type echo struct {
	net.Conn
	refused error
	closed  atomic.Bool // by this side
}

func newEcho(ended <-chan struct{}) *echo {
	mine, other := net.Pipe()
	var once sync.Once
	over := make(chan struct{})
	end := func() { once.Do(func() { other.Close(); close(over) }) }
	go func() {
		defer end()
		_, _ = io.Copy(other, other)
	}()
	go func() {
		defer end()
		select {
		case <-ended:
		case <-over:
		}
	}()
	return &echo{Conn: mine}
}

func (e *echo) Read(b []byte) (int, error) {
	if e.refused != nil {
		return 0, e.refused
	}
	n, err := e.Conn.Read(b)
	if err != nil && e.closed.Load() {
		err = io.EOF
	}
	return n, err
}

func (e *echo) Write(b []byte) (int, error) {
	if e.refused != nil {
		return 0, e.refused
	}
	return e.Conn.Write(b)
}

func (e *echo) CloseWrite() error {
	if e.refused != nil {
		return nil
	}
	e.closed.Store(true)
	return e.SetDeadline(time.Unix(1, 0)) // lets what is being read go
}

func (e *echo) Close() error {
	if e.refused != nil {
		return nil
	}
	return e.Conn.Close()
}
