package cri

import (
	"context"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Attach connects streams with the process of a running container, until the process ends, or s.Stdin does: where the
// container has stdinOnce and no terminal that ends the standard input of the process, elsewhere the attachment. How the
// process ended is for Container to tell.
func (c *Client) Attach(ctx context.Context, id string, s Streams) error {
	r, err := c.runtime.Attach(ctx, &runtimeapi.AttachRequest{
		ContainerId: id, Tty: s.TTY, Stdin: s.Stdin != nil, Stdout: s.Stdout != nil, Stderr: s.Stderr != nil,
	})
	if err != nil {
		return wrap("Attach", id, err)
	}
	return s.connect(ctx, "Attach", id, r.GetUrl())
}
