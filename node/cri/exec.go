package cri

import (
	"context"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ExecSync runs a command in a container and waits for it. A command that ends
// with a code other than 0 is no error; the runtime kills one that takes longer than the timeout.
func (c *Client) ExecSync(ctx context.Context, id string, command []string, timeout time.Duration) (stdout, stderr []byte, exit int32, err error) {
	r, err := c.runtime.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: int64((timeout + time.Second - 1) / time.Second)})
	if err != nil {
		return nil, nil, 0, wrap("ExecSync", id, err)
	}
	return r.GetStdout(), r.GetStderr(), r.GetExitCode(), nil
}

// Exec is a command to run in a container with its streams attached.
type Exec struct {
	ContainerID           string
	Command               []string
	TTY                   bool
	Stdin, Stdout, Stderr bool
}

// ExecURL prepares a command and returns the address of the runtime's streaming
// server, good for one use within a short time.
func (c *Client) ExecURL(ctx context.Context, e Exec) (string, error) {
	r, err := c.runtime.Exec(ctx, &runtimeapi.ExecRequest{
		ContainerId: e.ContainerID, Cmd: e.Command, Tty: e.TTY, Stdin: e.Stdin, Stdout: e.Stdout, Stderr: e.Stderr,
	})
	if err != nil {
		return "", wrap("Exec", e.ContainerID, err)
	}
	return r.GetUrl(), nil
}
