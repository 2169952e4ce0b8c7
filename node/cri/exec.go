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

// Exec runs a command in a container, connected with streams, and waits for its end. An exit status other than 0 is an
// *ExitError.
func (c *Client) Exec(ctx context.Context, id string, command []string, s Streams) error {
	r, err := c.runtime.Exec(ctx, &runtimeapi.ExecRequest{
		ContainerId: id, Cmd: command, Tty: s.TTY, Stdin: s.Stdin != nil, Stdout: s.Stdout != nil, Stderr: s.Stderr != nil,
	})
	if err != nil {
		return wrap("Exec", id, err)
	}
	return s.connect(ctx, "Exec", id, r.GetUrl())
}
